"""Searches the paper's design space: which SqueezeNet, how many bits and zeros, how parallel."""
