"""What csynth reports for one layer of an io_stream design: cycles, DSP, BRAM18, LUT and FF."""
