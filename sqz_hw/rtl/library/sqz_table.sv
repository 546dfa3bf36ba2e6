// Read-only memory in LUTs: `data` is the word at `address` from the clock after, while `en`; word 0 after a reset.
// It is mapped by itself (sqz_hw/rtl/synthesis.py): 64 words of a bit are a LUT then.
`default_nettype none
module sqz_table #(
    parameter int WIDTH = 8,
    parameter int WORDS = 64,
    parameter     FILE = "table.mem",           // hexadecimal
    parameter int AW = (WORDS > 1) ? $clog2(WORDS) : 1  // leave it
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             en,
    input  wire [AW-1:0]    address,
    output reg  [WIDTH-1:0] data
);
  (* rom_style = "distributed", ram_style = "logic" *)  // the one for Vivado, the other for Yosys
  reg [WIDTH-1:0] memory[0:WORDS-1];
  initial $readmemh(FILE, memory);
  always @(posedge clk)
    if (rst) data <= memory[0];
    else if (en) data <= memory[address];
endmodule
`default_nettype wire
