"""The monitor over HTTP: its API, its page, and what changes as it happens."""
