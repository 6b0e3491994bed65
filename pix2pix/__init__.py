"""The library that the verbs in stages/ use. Its folders import downwards only (tests/pix2pix/test_imports.py)."""
