"""The report: one page with everything that a study shows."""
