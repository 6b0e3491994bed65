"""Measurements of speed and memory: each table of RESULTS.md is written by a process of its own."""

import pix2pix  # noqa: F401  it says how threads wait, before PyTorch is loaded
