"""What a training starts from instead of random weights: a file, read, and refused if unfit."""
