"""Pairs of images A|B: how raw files become them, and how they are read."""
