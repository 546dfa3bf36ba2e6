// Two streams of one width for the stream bench.
module add_bench #(parameter int P = 4, U = 2, A = 6, A_UP = 0, B_UP = 0, DROP = 1, ROUNDING = 2, OUT = 6) (
    input wire clk, input wire rst, input wire [1:0] in_valid, output wire [1:0] in_ready,
    input wire [2*P*A-1:0] in_data, output wire out_valid, input wire out_ready, output wire [P*OUT-1:0] out_data
);
  sqz_add #(.P(P), .U(U), .A(A), .A_UP(A_UP), .BB(A), .B_UP(B_UP), .DROP(DROP), .ROUNDING(ROUNDING), .OUT(OUT)) add (
      .clk(clk), .rst(rst), .a_valid(in_valid[0]), .a_ready(in_ready[0]), .a_data(in_data[P*A-1:0]),
      .b_valid(in_valid[1]), .b_ready(in_ready[1]), .b_data(in_data[2*P*A-1:P*A]),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data));
endmodule
