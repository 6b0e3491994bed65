"""Scores of generated images and their confidence intervals."""
