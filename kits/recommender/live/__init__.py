"""A model in memory that follows its store while it is asked."""
