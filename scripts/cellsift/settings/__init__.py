"""What a user may say: config, brains, arms and recipes, read, checked and completed."""
