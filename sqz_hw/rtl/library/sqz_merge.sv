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
  localparam int LEAVES = 1 << SW;
  (* rom_style = "distributed", ram_style = "logic" *)  // the one for Vivado, the other for Yosys
  reg [SW-1:0] schedule[0:ROWS-1];
  initial $readmemh(FILE, schedule);

  reg  [RW-1:0] row;
  wire [RW-1:0] next_row = (row == RW'(ROWS - 1)) ? 0 : row + 1'b1;
  reg  [SW-1:0] source;  // schedule[row]
  reg  [WIDTH-1:0] word;
  reg  word_valid;

  // A tree of two-way choices, which fills LUTs better than a comparison for each core.
  localparam int FULL = WIDTH + 1;  // a word and its valid
  for (genvar l = 0; l <= SW; l++) begin : gen_level
    wire [(LEAVES>>l)*FULL-1:0] words;
    for (genvar i = 0; i < (LEAVES >> l); i++) begin : gen_choice
      if (l != 0) begin : gen_two
        assign words[i*FULL+:FULL] = source[l-1]
            ? gen_level[l-1].words[(2*i+1)*FULL+:FULL] : gen_level[l-1].words[2*i*FULL+:FULL];
      end else if (i < N) begin : gen_core
        assign words[i*FULL+:FULL] = {in_valid[i], in_data[i*WIDTH+:WIDTH]};
      end else begin : gen_nothing
        assign words[i*FULL+:FULL] = 0;
      end
    end
  end
  wire [WIDTH-1:0] chosen = gen_level[SW].words[WIDTH-1:0];
  wire chosen_valid = gen_level[SW].words[WIDTH];
  wire room = !word_valid || out_ready;
  wire take = chosen_valid && room;
  for (genvar g = 0; g < N; g++) begin : gen_ready
    assign in_ready[g] = (source == SW'(g)) && room;
  end
  assign out_valid = word_valid;
  assign out_data  = word;

  always @(posedge clk) begin
    if (take) word <= chosen;
  end
  always @(posedge clk) begin
    if (rst) begin
      row <= 0;
      source <= schedule[0];
      word_valid <= 1'b0;
    end else begin
      if (take) begin
        row <= next_row;
        source <= schedule[next_row];
        word_valid <= 1'b1;
      end else if (out_ready) word_valid <= 1'b0;
    end
  end
endmodule
`default_nettype wire
