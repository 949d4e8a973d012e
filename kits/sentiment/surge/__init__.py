"""Surges of negative news: counts per series and window, what is usual of them, and when they are too many."""
