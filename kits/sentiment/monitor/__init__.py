"""The monitor: takes items in, has them read, counts them, and goes over to new models."""
