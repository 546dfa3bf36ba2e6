"""Training: float, pruned and quantised networks from images."""
