// The larger of two unsigned numbers. It is mapped by itself (sqz_hw/rtl/synthesis.py).
`default_nettype none
module sqz_larger #(
    parameter int WIDTH = 8
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    output wire [WIDTH-1:0] larger
);
  assign larger = (a > b) ? a : b;
endmodule
`default_nettype wire
