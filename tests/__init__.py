"""Laws run on the CPU with one thread, so that several can run side by side, also on a machine with a GPU."""

import os

ENVIRONMENT = {"PIX2PIX_DEVICE": "cpu", "PIX2PIX_THREADS": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
for _name, _value in ENVIRONMENT.items():  # before PyTorch is imported, which reads the last two once
    os.environ.setdefault(_name, _value)
