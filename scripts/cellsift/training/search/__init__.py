"""The search for a better recipe: trials on the training candidates of each fold alone."""
