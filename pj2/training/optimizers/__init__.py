"""One module for each optimizer or family of them, by name; see `pj2.training.optimizer`."""
