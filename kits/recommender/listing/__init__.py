"""From ranked candidates to a list: variety, exploration, reasons, and the comparison of two ways."""
