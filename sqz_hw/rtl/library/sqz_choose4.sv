// One of four words. It is mapped by itself (sqz_hw/rtl/synthesis_script.py): a LUT for each bit.
`default_nettype none
module sqz_choose4 #(
    parameter int WIDTH = 8
) (
    input  wire [1:0]         select,
    input  wire [4*WIDTH-1:0] words,
    output wire [WIDTH-1:0]   word
);
  wire [WIDTH-1:0] low = select[0] ? words[WIDTH+:WIDTH] : words[0+:WIDTH];
  wire [WIDTH-1:0] high = select[0] ? words[3*WIDTH+:WIDTH] : words[2*WIDTH+:WIDTH];
  assign word = select[1] ? high : low;
endmodule
`default_nettype wire
