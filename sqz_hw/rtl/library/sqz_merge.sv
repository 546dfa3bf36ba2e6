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

  reg  [RW-1:0] next_row;
  wire [SW-1:0] source;  // the core that this row comes from
  wire [N-1:0] picked;   // the same, a bit for each core
  reg  [WIDTH-1:0] word;
  reg  word_valid;

  wire [WIDTH-1:0] chosen;
  wire chosen_valid;
  sqz_choose #(.WIDTH(WIDTH), .N(N)) choose (.select(source), .words(in_data), .word(chosen));
  sqz_choose #(.WIDTH(1), .N(N)) choose_valid (.select(source), .words(in_valid), .word(chosen_valid));
  wire room = !word_valid || out_ready;
  wire take = chosen_valid && room;
  for (genvar i = 0; i < N; i++) begin : gen_picked
    assign picked[i] = source == SW'(i);
  end
  sqz_table #(.WIDTH(SW), .WORDS(ROWS), .FILE(FILE)) schedule (
      .clk(clk), .rst(rst), .en(take), .address(next_row), .data(source)
  );
  assign in_ready  = picked & {N{room}};
  assign out_valid = word_valid;
  assign out_data  = word;

  always @(posedge clk) begin
    if (take) word <= chosen;
  end
  always @(posedge clk) begin
    if (rst) begin
      next_row <= (ROWS > 1) ? RW'(1) : 0;
      word_valid <= 1'b0;
    end else begin
      if (take) begin
        next_row <= (next_row == RW'(ROWS - 1)) ? 0 : next_row + 1'b1;
        word_valid <= 1'b1;
      end else if (out_ready) word_valid <= 1'b0;
    end
  end
endmodule
`default_nettype wire
