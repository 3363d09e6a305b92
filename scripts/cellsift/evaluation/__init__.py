"""Judging detection and classification: tables in, tables out."""
