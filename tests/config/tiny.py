"""A config without a mistake, for tests to change."""

from __future__ import annotations

CONFIG = {
    "study": "tiny",
    "experiments": {
        "first": {
            "models": ["BasicCNN", "VGG_A"],
            "learning_rates": [1e-3],
            "optimizer": {"name": "adamw", "weight_decay": 5e-4},
            "epochs": 3,
        }
    },
}
