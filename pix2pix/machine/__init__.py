"""Cores, memory and devices of this machine, and processes that compute together."""
