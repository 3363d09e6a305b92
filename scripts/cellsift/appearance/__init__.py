"""What a brain looks like, measured on a sample of its tissue and of its candidates."""
