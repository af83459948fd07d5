"""The study: its schema, its grid of runs and their canonical names."""
