"""What is known at one moment: users, items and their counters, and the vectors that are searched."""
