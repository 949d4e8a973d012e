"""What the pages show, read from the database as plain data."""
