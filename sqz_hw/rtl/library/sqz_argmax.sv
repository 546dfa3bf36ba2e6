// Index of the largest of C unsigned values that follow each other; the first of equals.
`default_nettype none
module sqz_argmax #(
    parameter int B = 12,
    parameter int C = 10,
    parameter int OUT = 4
) (
    input  wire           clk,
    input  wire           rst,
    input  wire           in_valid,
    output wire           in_ready,
    input  wire [B-1:0]   in_data,
    output wire           out_valid,
    input  wire           out_ready,
    output wire [OUT-1:0] out_data
);
  localparam int CW = (C > 1) ? $clog2(C) : 1;
  reg [CW-1:0] number, best;
  reg [B-1:0] largest;
  reg full;
  reg [OUT-1:0] result;
  wire last = number == CW'(C - 1);
  wire take = in_valid && in_ready;
  wire better = number == 0 || in_data > largest;
  assign in_ready  = !(last && full);
  assign out_valid = full;
  assign out_data  = result;
  always @(posedge clk) begin
    if (take && better) begin
      best <= number;
      largest <= in_data;
    end
    if (take && last) result <= OUT'(better ? number : best);
  end
  always @(posedge clk) begin
    if (rst) begin
      number <= 0;
      full <= 1'b0;
    end else begin
      if (take) number <= last ? 0 : number + 1'b1;
      if (take && last) full <= 1'b1;
      else if (out_ready) full <= 1'b0;
    end
  end
endmodule
`default_nettype wire
