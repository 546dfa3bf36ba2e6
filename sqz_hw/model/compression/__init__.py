"""Deep Compression (Han et al. 2016, arXiv 1510.00149): shared weights, gaps between them, Huffman codes."""
