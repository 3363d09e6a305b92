"""Cuboids around candidates: cut out of volumes, stored, normalised and put into batches."""
