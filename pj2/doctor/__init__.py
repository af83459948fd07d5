"""What may be wrong on a machine, with a config, its data and its store; and what to do."""
