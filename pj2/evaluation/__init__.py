"""What a trained model says of images it was not trained on."""
