"""Self-supervised pre-training: a backbone learns from cuboids without labels."""
