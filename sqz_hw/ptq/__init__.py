"""Post-training quantisation: from a float network and a few images to this project's quantised model."""
