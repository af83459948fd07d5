"""Images and labels: sources, preparation, augmentation and the validation split."""
