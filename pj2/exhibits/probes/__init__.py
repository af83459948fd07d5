"""The loss along the step, and internal covariate shift."""
