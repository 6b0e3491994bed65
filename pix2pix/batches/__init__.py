"""Pairs on the training device, and batches cut from them by draws."""
