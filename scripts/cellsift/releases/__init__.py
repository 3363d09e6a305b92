"""Trained models as single files that travel: packed, listed, fetched, checked."""
