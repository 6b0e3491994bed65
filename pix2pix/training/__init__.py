"""How a training runs: its state, what is watched, and what is kept and shown of it."""
