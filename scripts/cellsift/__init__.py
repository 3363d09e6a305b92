"""Find labelled cells in whole-brain microscopy and learn which classifier to trust."""

__version__ = "0.1.0"
