// Sum over the map, channel by channel: words of P unsigned pixels in, all channels of a block after each other;
// C words out, one value each. One pixel a clock. Of the W columns of the map's raster WIDTH count. With INIT the
// sums begin with the values in FILE (the part of a padded map that is constant).
`default_nettype none
module sqz_global_sum #(
    parameter int B = 8,
    parameter int C = 10,
    parameter int P = 4,
    parameter int BLOCKS = 4,   // of a map
    parameter int W = 4,
    parameter int WIDTH = W,
    parameter int INIT = 0,
    parameter     FILE = "sums.mem",
    parameter int OUT = 12      // bits of a sum; more fall off at the top
) (
    input  wire           clk,
    input  wire           rst,
    input  wire           in_valid,
    output wire           in_ready,
    input  wire [P*B-1:0] in_data,
    output wire           out_valid,
    input  wire           out_ready,
    output wire [OUT-1:0] out_data
);
  localparam int CW = (C > 1) ? $clog2(C) : 1;
  localparam int NW = (BLOCKS > 1) ? $clog2(BLOCKS) : 1;
  localparam int PW = (P > 1) ? $clog2(P) : 1;
  (* ram_style = "distributed" *)
  reg [OUT-1:0] sums[0:C-1];
  reg [CW-1:0] channel;
  reg [NW-1:0] block;
  reg [PW-1:0] pixel;
  reg busy, full;
  reg [P*B-1:0] word;
  reg [OUT-1:0] total, result;
  localparam int COLUMNS = (P < W) ? W / P : 1;
  localparam int JW = (COLUMNS > 1) ? $clog2(COLUMNS) : 1;
  reg [JW-1:0] column;
  reg [P*B-1:0] masked;
  always @* begin
    masked = in_data;
    for (int p = 0; p < P; p++)
      if (((P < W) ? (COLUMNS - 1) * P + p : p % W) >= WIDTH && column == JW'(COLUMNS - 1)) masked[p*B+:B] = 0;
  end
  wire last_pixel = pixel == PW'(P - 1);
  wire last_block = block == NW'(BLOCKS - 1);
  wire [OUT-1:0] sum = total + OUT'(word[B-1:0]);
  wire go = busy && !(last_pixel && last_block && full && !out_ready);
  wire take = in_valid && !busy;
  wire ends = go && last_pixel;  // of the channel
  wire [OUT-1:0] begins;
  wire [CW-1:0] next_channel;
  if (INIT != 0) begin : gen_init
    reg [CW-1:0] ahead;
    sqz_table #(.WIDTH(OUT), .WORDS(C), .FILE(FILE)) values (
        .clk(clk), .rst(rst), .en(ends), .address(ahead), .data(begins)
    );
    always @(posedge clk)
      if (rst) ahead <= (C > 1) ? CW'(1) : 0;
      else if (ends) ahead <= (ahead == CW'(C - 1)) ? 0 : ahead + 1'b1;
    assign next_channel = ahead;
  end else begin : gen_zero
    assign begins = 0;
    assign next_channel = (channel == CW'(C - 1)) ? 0 : channel + 1'b1;
  end
  assign in_ready  = !busy;
  assign out_valid = full;
  assign out_data  = result;

  always @(posedge clk) begin
    if (take) begin
      word  <= masked;
      total <= (block == 0) ? begins : sums[channel];
    end else if (go) begin
      word  <= word >> B;
      total <= sum;
    end
    if (ends && last_block) result <= sum;
  end
  always @(posedge clk) begin
    if (ends) sums[channel] <= sum;
  end
  always @(posedge clk) begin
    if (rst) begin
      channel <= 0;
      block <= 0;
      column <= 0;
      pixel <= 0;
      busy <= 1'b0;
      full <= 1'b0;
    end else begin
      if (take) busy <= 1'b1;
      if (go) begin
        pixel <= last_pixel ? 0 : pixel + 1'b1;
        if (last_pixel) begin
          busy <= 1'b0;
          channel <= next_channel;
          if (channel == CW'(C - 1)) begin
            block  <= last_block ? 0 : block + 1'b1;
            column <= (column == JW'(COLUMNS - 1)) ? 0 : column + 1'b1;
          end
        end
      end
      if (ends && last_block) full <= 1'b1;
      else if (out_ready) full <= 1'b0;
    end
  end
endmodule
`default_nettype wire
