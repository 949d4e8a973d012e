"""Stories: reprints and rewrites of one report, which count once."""
