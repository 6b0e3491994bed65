"""What is trained and how: networks with their optimisers, losses, and the training step."""
