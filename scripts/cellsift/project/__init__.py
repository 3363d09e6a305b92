"""A run as a whole: its settings checked against the detectors and networks that there are."""
