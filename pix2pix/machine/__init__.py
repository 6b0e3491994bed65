"""Cores, memory and devices of this machine."""
