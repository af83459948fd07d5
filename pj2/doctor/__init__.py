"""Checks for problems with a machine, a config, its data and its store, each with a remedy."""
