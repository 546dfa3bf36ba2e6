# Sourced at the end of hls4ml's vivado_synth.tcl, which reports resources only: timing against the
# clock that the project asks for. The clock is created after synthesis, so synthesis itself was not
# driven by it, and wires are estimated, not routed. A failure here leaves the resources standing.
if {[catch {
    create_clock -period $clock_period -name ap_clk [get_ports ap_clk]
    report_timing_summary -file vivado_timing.rpt
} message]} {
    puts "WARNING: timing was not reported: $message"
}
