"""How networks are trained: the learners, their data, and what is kept and shown of a training."""
