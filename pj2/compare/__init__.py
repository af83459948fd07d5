"""Studies beside each other: runs of any two sides compared. No torch."""
