"""Synthesis with the vendor's tool where it is installed: find it, run it, read its reports."""
