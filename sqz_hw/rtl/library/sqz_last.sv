// Marks the last of WORDS words.
`default_nettype none
module sqz_last #(
    parameter int WORDS = 10
) (
    input  wire clk,
    input  wire rst,
    input  wire move,
    output wire last
);
  localparam int NW = (WORDS > 1) ? $clog2(WORDS) : 1;
  reg [NW-1:0] number;
  assign last = number == NW'(WORDS - 1);
  always @(posedge clk) begin
    if (rst) number <= 0;
    else if (move) number <= last ? 0 : number + 1'b1;
  end
endmodule
`default_nettype wire
