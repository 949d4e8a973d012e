"""What the assistant must not lose: conversations, feedback, hand-overs, and every version of its knowledge."""
