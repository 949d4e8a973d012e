"""Measurements as commands: nothing here is a test, and no test depends on a clock."""
