"""sqz_hw: from a trained SqueezeNet to FPGA hardware that provably computes the same thing."""

__version__ = "0.1.0"
