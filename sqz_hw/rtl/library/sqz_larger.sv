// The larger of two unsigned numbers. It is mapped by itself (sqz_hw/rtl/synthesis_script.py). The sign of a difference is
// a carry chain of one LUT of two inputs a bit, beside which the choice's fits; a comparison takes half as much again.
`default_nettype none
module sqz_larger #(
    parameter int WIDTH = 8
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    output wire [WIDTH-1:0] larger
);
  wire [WIDTH:0] difference = {1'b0, a} - {1'b0, b};
  assign larger = difference[WIDTH] ? b : a;
  wire unused = &{1'b0, difference[WIDTH-1:0]};
endmodule
`default_nettype wire
