# Packages the accelerator as an IP core for Vivado's IP integrator.
# NOT RUN by the authors: no Vivado was at hand. Written from UG1118 (Creating and Packaging Custom IP).
#
# In the project's rtl/ folder:  vivado -mode batch -source vendor/package_ip.tcl -tclargs xc7z020clg400-1
set part [lindex $argv 0]
if {$part eq ""} { puts stderr "give the part's full name, such as xc7z020clg400-1"; exit 2 }
set root [file normalize [file join [file dirname [info script]] ..]]
create_project -force -part $part sqz_ip [file join $root vivado_ip]
add_files [glob [file join $root library *.sv]]
add_files [list [file join $root sqz_network.sv] [file join $root sqz_top.sv]]
# Memory images are read by $readmemh by their file names: as memory files they are found by synthesis.
add_files [glob [file join $root memory *.mem]]
set_property top sqz_top [current_fileset]
update_compile_order -fileset sources_1
ipx::package_project -root_dir [file join $root ip] -vendor sqz_hw -library user -taxonomy /UserIP -import_files -force
set core [ipx::current_core]
set_property name sqz_accelerator $core
set_property display_name "SqueezeNet accelerator (StreamRTL)" $core
ipx::infer_bus_interface aclk xilinx.com:signal:clock_rtl:1.0 $core
ipx::infer_bus_interface aresetn xilinx.com:signal:reset_rtl:1.0 $core
foreach bus {s_axis m_axis} { ipx::associate_bus_interfaces -busif $bus -clock aclk $core }
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::save_core $core
close_project
