// Joins the outputs of N cores that share a layer's output channels: word after word, from the
// core that a table names (FILE: one hexadecimal number a channel). Order out: channel after channel.
`default_nettype none
module sqz_merge #(
    parameter int WIDTH = 8,
    parameter int N = 2,
    parameter int ROWS = 4,  // output channels
    parameter     FILE = "schedule.mem"
) (
    input  wire               clk,
    input  wire               rst,
    input  wire [N-1:0]       in_valid,
    output wire [N-1:0]       in_ready,
    input  wire [N*WIDTH-1:0] in_data,
    output wire               out_valid,
    input  wire               out_ready,
    output wire [WIDTH-1:0]   out_data
);
  localparam int SW = (N > 1) ? $clog2(N) : 1;
  localparam int RW = (ROWS > 1) ? $clog2(ROWS) : 1;
  (* rom_style = "distributed", ram_style = "logic" *)  // the one for Vivado, the other for Yosys
  reg [SW-1:0] schedule[0:ROWS-1];
  initial $readmemh(FILE, schedule);

  reg  [RW-1:0] row;
  wire [SW-1:0] source = schedule[row];
  reg  [WIDTH-1:0] word;
  reg  word_valid;
  reg  [WIDTH-1:0] chosen;
  reg  chosen_valid;
  wire take = chosen_valid && (!word_valid || out_ready);

  always @* begin
    chosen = 0;
    chosen_valid = 1'b0;
    for (int i = 0; i < N; i++)
      if (source == SW'(i)) begin
        chosen = in_data[i*WIDTH+:WIDTH];
        chosen_valid = in_valid[i];
      end
  end
  for (genvar g = 0; g < N; g++) begin : gen_ready
    assign in_ready[g] = (source == SW'(g)) && (!word_valid || out_ready);
  end
  assign out_valid = word_valid;
  assign out_data  = word;

  always @(posedge clk) begin
    if (take) word <= chosen;
  end
  always @(posedge clk) begin
    if (rst) begin
      row <= 0;
      word_valid <= 1'b0;
    end else begin
      if (take) begin
        row <= (row == RW'(ROWS - 1)) ? 0 : row + 1'b1;
        word_valid <= 1'b1;
      end else if (out_ready) word_valid <= 1'b0;
    end
  end
endmodule
`default_nettype wire
