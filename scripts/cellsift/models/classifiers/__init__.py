"""Architectures that tell cells from artefacts: one module for each family."""
