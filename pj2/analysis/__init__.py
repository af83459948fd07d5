"""Facts computed from recorded runs: losses, epochs and predictions in, numbers out. No torch."""
