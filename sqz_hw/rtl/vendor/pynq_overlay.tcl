# A PYNQ-Z2 overlay: processing system, one AXI DMA, the accelerator between its two streams, at 100 MHz.
# NOT RUN by the authors: neither Vivado nor a board was at hand. Written from UG994 and PG021 (AXI DMA).
#
# After package_ip.tcl, in the project's rtl/ folder:  vivado -mode batch -source vendor/pynq_overlay.tcl
# Gives overlay/sqz.bit and overlay/sqz.hwh, which driver.py loads.
set root [file normalize [file join [file dirname [info script]] ..]]
create_project -force -part xc7z020clg400-1 sqz_overlay [file join $root vivado_overlay]
set_property ip_repo_paths [file join $root ip] [current_project]
update_ip_catalog
create_bd_design sqz
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 ps]
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 -config {make_external "FIXED_IO, DDR"} $ps
set_property -dict [list CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ 100 CONFIG.PCW_USE_S_AXI_HP0 1] $ps
set dma [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma dma]
# Bytes to the accelerator, 16-bit words back; no scatter-gather: one transfer for a batch of images.
set_property -dict [list CONFIG.c_include_sg 0 CONFIG.c_sg_length_width 26 CONFIG.c_m_axis_mm2s_tdata_width 8 \
    CONFIG.c_include_mm2s 1 CONFIG.c_include_s2mm 1 CONFIG.c_s_axis_s2mm_tdata_width 16] $dma
set acc [create_bd_cell -type ip -vlnv sqz_hw:user:sqz_accelerator acc]
connect_bd_intf_net [get_bd_intf_pins $dma/M_AXIS_MM2S] [get_bd_intf_pins $acc/s_axis]
connect_bd_intf_net [get_bd_intf_pins $acc/m_axis] [get_bd_intf_pins $dma/S_AXIS_S2MM]
apply_bd_automation -rule xilinx.com:bd_rule:axi4 -config {Master /ps/M_AXI_GP0 Clk_master Auto Clk_slave Auto} \
    [get_bd_intf_pins $dma/S_AXI_LITE]
foreach master {M_AXI_MM2S M_AXI_S2MM} {
    apply_bd_automation -rule xilinx.com:bd_rule:axi4 -config [list Master /dma/$master Slave /ps/S_AXI_HP0 \
        Clk_master Auto Clk_slave Auto] [get_bd_intf_pins $ps/S_AXI_HP0]
}
connect_bd_net [get_bd_pins $ps/FCLK_CLK0] [get_bd_pins $acc/aclk]
connect_bd_net [get_bd_pins /rst_ps_100M/peripheral_aresetn] [get_bd_pins $acc/aresetn]
validate_bd_design
save_bd_design
make_wrapper -files [get_files sqz.bd] -top -import
launch_runs impl_1 -to_step write_bitstream
wait_on_run impl_1
file mkdir [file join $root overlay]
set made [file join $root vivado_overlay]
file copy -force [file join $made sqz_overlay.runs impl_1 sqz_wrapper.bit] [file join $root overlay sqz.bit]
file copy -force [glob [file join $made sqz_overlay.gen sources_1 bd sqz hw_handoff sqz.hwh]] \
    [file join $root overlay sqz.hwh]
