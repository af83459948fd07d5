"""What jobs of a cluster need, and what its scheduler says of them."""
