"""What customers and agents said, turned into a better model: proposed, trained, compared, and only then promoted."""
