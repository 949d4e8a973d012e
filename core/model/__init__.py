"""Encoders, heads, losses, linear models, and the folder a model is kept in."""
