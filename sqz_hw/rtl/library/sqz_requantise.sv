// Sums to output values, a pipeline of three registers: correct the packed half, add the bias,
// round; saturation after them. out = saturate(round(((sum + carry) << UP) + bias)).
`default_nettype none
module sqz_requantise #(
    parameter int SUM = 17,
    parameter int UP = 0,      // the accumulator's grid is finer than the products'
    parameter int BIAS = 12,
    parameter int TOTAL = 18,  // bits that hold every sum with its bias
    parameter int DROP = 8,
    parameter int ROUNDING = 2,
    parameter int OUT = 6,
    parameter bit OUT_SIGNED = 0,
    parameter bit SATURATE = 1
) (
    input  wire                   clk,
    input  wire signed [SUM-1:0]  sum,
    input  wire                   carry,   // lost to a negative lower half in the same DSP
    input  wire signed [BIAS-1:0] bias,    // one clock after `sum`
    output wire [OUT-1:0]         out      // three clocks after `sum`
);
  localparam int KEPT = TOTAL - DROP + 1;
  reg signed [SUM-1:0] corrected;
  reg signed [TOTAL-1:0] total;
  reg signed [KEPT-1:0] held;
  wire signed [KEPT-1:0] rounded;
  wire signed [SUM+UP-1:0] shifted = (SUM + UP)'($signed(corrected)) <<< UP;
  always @(posedge clk) begin
    corrected <= sum + $signed({{(SUM - 1) {1'b0}}, carry});
    total <= TOTAL'($signed(shifted)) + TOTAL'($signed(bias));
    held <= rounded;
  end
  sqz_round #(
      .IN(TOTAL), .DROP(DROP), .ROUNDING(ROUNDING), .OUT(OUT), .OUT_SIGNED(OUT_SIGNED), .SATURATE(SATURATE)
  ) round (
      .value(total), .rounded(rounded), .held(held), .out(out)
  );
endmodule
`default_nettype wire
