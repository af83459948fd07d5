"""Measurements of speed; `make bench` runs them. Nothing here is a test."""
