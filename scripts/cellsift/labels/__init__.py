"""Which candidates are cells by the annotation, and into which folds they are divided."""
