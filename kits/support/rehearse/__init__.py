"""Conversation tests: conversations that are written down, held with the assistant, and compared turn by turn."""
