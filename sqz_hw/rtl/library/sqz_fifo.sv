// First-in first-out queue, first word falls through: out_data is valid with out_valid.
// DEPTH words (a power of two) in LUT RAM. `popped` pulses when a word leaves.
`default_nettype none
module sqz_fifo #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 16
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [WIDTH-1:0] out_data,
    output wire             popped
);
  localparam int AW = $clog2(DEPTH);
  (* ram_style = "distributed" *)
  reg [WIDTH-1:0] memory[0:DEPTH-1];
  reg [AW-1:0] head, tail;
  reg [AW:0] count;
  wire push = in_valid && in_ready;
  wire pop = out_valid && out_ready;

  assign in_ready  = count != (AW + 1)'(DEPTH);
  assign out_valid = count != 0;
  assign out_data  = memory[head];
  assign popped    = pop;

  always @(posedge clk) begin
    if (push) memory[tail] <= in_data;
  end

  always @(posedge clk) begin
    if (rst) begin
      head  <= 0;
      tail  <= 0;
      count <= 0;
    end else begin
      if (push) tail <= tail + 1'b1;
      if (pop) head <= head + 1'b1;
      if (push && !pop) count <= count + 1'b1;
      if (pop && !push) count <= count - 1'b1;
    end
  end

`ifdef SQZ_STATS
  int unsigned high_water;
  always @(posedge clk)
    if (rst) high_water <= 0;
    else if (32'(count) > high_water) high_water <= 32'(count);
  final $display("STAT %m fifo depth=%0d high_water=%0d", DEPTH, high_water);
`endif
endmodule
`default_nettype wire
