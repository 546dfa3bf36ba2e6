// Read-only memory in LUTs: `data` is the word at `address` from the clock after, while `en`; word 0 after a reset.
// It is mapped by itself (sqz_hw/rtl/synthesis_script.py): 64 words of a bit are a LUT then. Above 256 words it is banks.
`default_nettype none
module sqz_table #(
    parameter int WIDTH = 8,
    parameter int WORDS = 64,
    parameter     FILE = "table.mem",                   // hexadecimal
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
  wire [WIDTH-1:0] word;
  if (WORDS <= 256) begin : gen_one
    assign word = memory[address];
  end else begin : gen_banks
    localparam int BANKS = (WORDS + 255) / 256;
    localparam int REST = WORDS - 256 * (BANKS - 1);
    wire [BANKS*WIDTH-1:0] words;
    for (genvar b = 0; b < BANKS; b++) begin : gen_bank
      localparam int SIZE = (b == BANKS - 1) ? REST : 256;
      localparam int BW = (SIZE > 1) ? $clog2(SIZE) : 1;
      sqz_table_bank #(.WIDTH(WIDTH), .WORDS(WORDS), .BANK(b), .FILE(FILE)) bank (
          .address(address[BW-1:0]), .data(words[b*WIDTH+:WIDTH])
      );
    end
    sqz_choose #(.WIDTH(WIDTH), .N(BANKS)) choose (.select(address[AW-1:8]), .words(words), .word(word));
  end
  always @(posedge clk)
    if (rst) data <= memory[0];
    else if (en) data <= word;
endmodule
`default_nettype wire
