"""Generators and discriminators, their weights files, and inference."""
