// The product of a pixel and a weight's magnitude, both unsigned, in LUTs. It is mapped by itself (sqz_hw/rtl/synthesis_script.py).
// Two bits of the weight are an adder whose LUTs also choose (four inputs a bit); a tree of adders joins those.
`default_nettype none
module sqz_product #(
    parameter int B = 6,  // bits of the pixel
    parameter int M = 4   // of the magnitude
) (
    input  wire [B-1:0]   pixel,
    input  wire [M-1:0]   magnitude,
    output wire [B+M-1:0] product
);
  if (M == 1) begin : gen_one
    assign product = {1'b0, pixel & {B{magnitude[0]}}};
  end else if (M == 2) begin : gen_two
    assign product = {2'b0, pixel & {B{magnitude[0]}}} + {1'b0, pixel & {B{magnitude[1]}}, 1'b0};
  end else begin : gen_more
    localparam int LOW = 1 << ($clog2(M) - 1);
    wire [B+LOW-1:0] low;
    wire [B+M-LOW-1:0] high;
    sqz_product #(.B(B), .M(LOW)) lower (.pixel(pixel), .magnitude(magnitude[LOW-1:0]), .product(low));
    sqz_product #(.B(B), .M(M - LOW)) upper (.pixel(pixel), .magnitude(magnitude[M-1:LOW]), .product(high));
    wire [B+M-LOW-1:0] sum = (B + M - LOW)'(low[B+LOW-1:LOW]) + high;
    assign product = {sum, low[LOW-1:0]};
  end
endmodule
`default_nettype wire
