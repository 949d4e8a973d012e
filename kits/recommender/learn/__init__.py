"""From a log to a model: windows of time, the ladder, the ranker, and what it is worth beside baselines."""
