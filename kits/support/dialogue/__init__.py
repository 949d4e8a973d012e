"""The conversation as a state machine: what was said so far, what is asked for, and the next move."""
