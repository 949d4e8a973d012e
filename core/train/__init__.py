"""From labelled rows to a model: the ladder, the loop, checkpoints."""
