"""Training: folds, recipes, augmentation and the loop that fits one model per fold."""
