"""Trainings of classifiers, fold by fold."""
