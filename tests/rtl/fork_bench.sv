// A fork into two queues, whose outputs are looked at one after the other.
module fork_bench #(parameter int WIDTH = 8) (
    input wire clk, input wire rst, input wire in_valid, output wire in_ready, input wire [WIDTH-1:0] in_data,
    output wire out_valid, input wire out_ready, output wire [2*WIDTH-1:0] out_data
);
  wire [1:0] valid, ready, queued, taken;
  wire [WIDTH-1:0] word;
  wire [2*WIDTH-1:0] words;
  wire [1:0] popped;
  sqz_fork #(.N(2)) split (.in_valid(in_valid), .in_ready(in_ready), .out_valid(valid), .out_ready(ready));
  assign word = in_data;
  sqz_fifo #(.WIDTH(WIDTH), .DEPTH(4)) first (
      .clk(clk), .rst(rst), .in_valid(valid[0]), .in_ready(ready[0]), .in_data(word), .out_valid(queued[0]),
      .out_ready(taken[0]), .out_data(words[WIDTH-1:0]), .popped(popped[0]));
  sqz_fifo #(.WIDTH(WIDTH), .DEPTH(2)) second (
      .clk(clk), .rst(rst), .in_valid(valid[1]), .in_ready(ready[1]), .in_data(word), .out_valid(queued[1]),
      .out_ready(taken[1]), .out_data(words[2*WIDTH-1:WIDTH]), .popped(popped[1]));
  assign out_valid = &queued;
  assign taken = {2{out_valid && out_ready}};
  assign out_data = words;
  wire unused = &{1'b0, popped};
endmodule
