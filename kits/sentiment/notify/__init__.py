"""Notifications: what is said, to whom, and how it gets there though the network fails."""
