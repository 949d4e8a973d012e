"""The company's knowledge, searchable: from files into the database, and from there into the index."""
