"""One module for each quantity that can be recorded at every step; see `pj2.training.quantity`."""
