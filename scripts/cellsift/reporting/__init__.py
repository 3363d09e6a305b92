"""Figures, tables and pages made from a results folder; nothing is computed here from voxels
but the projections that the pages show."""
