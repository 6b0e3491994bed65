"""The library that the verbs in stages/ use. Its folders import downwards only (tests/pix2pix/test_imports.py)."""

import os

# Read once, when PyTorch is loaded: threads without work sleep. If they spun, two threads beside one busy process would
# train at 40 % of the speed; alone on their cores they lose about 10 %, which OMP_WAIT_POLICY=active gains back
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
