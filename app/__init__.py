"""The page: draw something, see what a trained network makes of it. No step of the graph."""
