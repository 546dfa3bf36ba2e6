// Words BANK * 256 and on of a table, at most 256. It is mapped by itself (sqz_hw/rtl/synthesis_script.py): a bit of them
// fills four LUTs, which a slice's own multiplexers (MUXF7, MUXF8) join.
`default_nettype none
module sqz_table_bank #(
    parameter int WIDTH = 8,
    parameter int WORDS = 300,  // of the table
    parameter int BANK = 0,
    parameter     FILE = "table.mem",
    parameter int SIZE = (WORDS - 256 * BANK < 256) ? WORDS - 256 * BANK : 256,  // leave it
    parameter int AW = (SIZE > 1) ? $clog2(SIZE) : 1                             // leave it
) (
    input  wire [AW-1:0]    address,
    output wire [WIDTH-1:0] data
);
  (* rom_style = "distributed", ram_style = "logic" *)  // the one for Vivado, the other for Yosys
  reg [WIDTH-1:0] memory[0:WORDS-1];
  initial $readmemh(FILE, memory);
  assign data = memory[$clog2(WORDS)'(256*BANK)+$clog2(WORDS)'(address)];
endmodule
`default_nettype wire
