"""From a model and texts to decisions."""
