"""Channels: how customers reach the assistant from outside the page, and how what is said there reaches them."""
