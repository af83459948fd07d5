"""Accuracy and what it costs."""
