"""Figures as PNG and SVG: pure functions of recorded runs. No torch."""
