"""How a quantised network becomes HLS C++: hls4ml, extended by the kernels it lacks."""
