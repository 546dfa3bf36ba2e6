"""Does the hardware compute the right thing: C-simulation and the layer-by-layer comparison."""
