"""Jobs on a cluster: the resources that they need, and what SLURM answers about them."""
