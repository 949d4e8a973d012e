"""A trained model: how texts, clicks and moments become a score, and the folder that holds it."""
