"""One module for each training loss, by name; see `pj2.training.loss`."""
