"""Drawn cars and house fronts: raw data that needs no network."""
