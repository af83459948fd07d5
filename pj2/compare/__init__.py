"""Comparison of the runs of two or more sides, and the seeds that a difference needs. No torch."""
