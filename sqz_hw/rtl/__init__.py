"""StreamRTL: from a ``Design`` to a folded, sparse streaming accelerator in readable Verilog."""
