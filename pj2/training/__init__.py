"""From a model, prepared data and a seed to the artifacts of one run."""
