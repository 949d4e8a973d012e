"""What was recorded: items, events and shown lists, the formats they come in, and what may be wrong with them."""
