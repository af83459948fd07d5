"""What a result depends on, as hashes: settings, data, package versions and source code."""
