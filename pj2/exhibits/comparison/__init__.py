"""Every run, and every setting over its seeds."""
