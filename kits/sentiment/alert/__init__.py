"""Alerts: what becomes of surges, who is told of them and who is not, and what people decide."""
