"""What the published report states, beside the runs."""
