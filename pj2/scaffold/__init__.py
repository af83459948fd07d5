"""What a user begins from: a model of one's own, a study of one's own."""
