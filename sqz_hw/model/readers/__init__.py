"""Readers of other people's SqueezeNet weights: one file a format, none of which runs code from a file."""
