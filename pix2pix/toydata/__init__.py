"""Drawn cars and house fronts: raw data that need no network."""
