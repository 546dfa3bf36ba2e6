// Max pooling, 3x3 windows, stride 2, of unsigned values; windows may hang over the right and the lower edge
// (Caffe's ceil mode: what is outside counts as zero). Words of P pixels of a channel in, all channels
// of a block after each other; P is even and divides W, or is W. Words out have half the pixels
// (the row's outputs where P is W). Of the W columns WIDTH are the map's; the last W - WIDTH (fewer than P)
// count as zero.
//
// Rows first: each word is held against the row before in a memory of one row; an even row completes the
// window that ends there and begins the next. Then along the row: a block's last window waits for the
// first pixel of the next block. A row has at least two words (C or W / P above 1).
`default_nettype none
module sqz_max_pool #(
    parameter int B = 6,
    parameter int W = 32,
    parameter int WIDTH = W,
    parameter int H = 32,
    parameter int C = 64,
    parameter int P = 16,
    parameter int WOUT = 16,
    parameter int HOUT = 16,
    parameter int BLOCK_RAM = 0,
    parameter int POUT = (P == W) ? WOUT : P / 2  // leave it
) (
    input  wire              clk,
    input  wire              rst,
    input  wire              in_valid,
    output wire              in_ready,
    input  wire [P*B-1:0]    in_data,
    output wire              out_valid,
    input  wire              out_ready,
    output wire [POUT*B-1:0] out_data
);
  localparam int COLUMNS = W / P;
  localparam int DEPTH = COLUMNS * C;
  localparam int AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int YW = (H > 1) ? $clog2(H) : 1;

  // ---- down the columns ----
  reg [AW-1:0] at;
  reg [YW-1:0] y;
  wire move;              // both registers below may take a word
  wire take = in_valid && move;
  assign in_ready = move;
  wire last_at = at == AW'(DEPTH - 1);
  // The last window of a column may lack its lower row: then the last row itself completes it.
  localparam bit HANGS = 2 * HOUT == H;
  wire completes = (!y[0] && y != 0 && 32'(y) <= 2 * HOUT) || (HANGS && y == YW'(H - 1));

  reg valid1, completes1, begins1;
  reg [AW-1:0] at1;
  reg [P*B-1:0] word1;
  wire [P*B-1:0] above;
  wire [P*B-1:0] tallest;
  for (genvar p = 0; p < P; p++) begin : gen_tallest
    sqz_larger #(.WIDTH(B)) tall (
        .a(word1[p*B+:B]), .b(above[p*B+:B]), .larger(tallest[p*B+:B])
    );
  end
  wire [P*B-1:0] kept = begins1 ? word1 : tallest;  // an even row is the next window's first
  if (BLOCK_RAM != 0) begin : gen_block
    (* ram_style = "block" *)
    reg [P*B-1:0] memory[0:DEPTH-1];
    reg [P*B-1:0] q;
    always @(posedge clk) begin
      if (valid1 && move) memory[at1] <= kept;
      if (take) q <= memory[at];
    end
    assign above = q;
  end else begin : gen_lut
    (* ram_style = "distributed" *)
    reg [P*B-1:0] memory[0:DEPTH-1];
    reg [P*B-1:0] q;
    always @(posedge clk) begin
      if (valid1 && move) memory[at1] <= kept;
      if (take) q <= memory[at];
    end
    assign above = q;
  end

  wire last_column;
  if (COLUMNS == 1) begin : gen_one_column
    assign last_column = 1'b1;
  end else begin : gen_columns
    assign last_column = at >= AW'(DEPTH - C);
  end
  reg [P*B-1:0] masked;
  always @* begin
    masked = in_data;
    for (int p = 0; p < P; p++) if ((COLUMNS - 1) * P + p >= WIDTH && last_column) masked[p*B+:B] = 0;
  end
  always @(posedge clk) begin
    if (take) begin
      word1 <= masked;
      at1 <= at;
      begins1 <= !y[0];
      completes1 <= completes;
    end
  end
  always @(posedge clk) begin
    if (rst) begin
      at <= 0;
      y <= 0;
      valid1 <= 1'b0;
    end else begin
      if (take) begin
        at <= last_at ? 0 : at + 1'b1;
        if (last_at) y <= (y == YW'(H - 1)) ? 0 : y + 1'b1;
      end
      if (move) valid1 <= take;
    end
  end

  // ---- along the rows ----
  reg [P*B-1:0] row;       // a word whose windows are complete downwards
  reg row_valid;
  wire row_ready;
  assign move = !row_valid || row_ready;
  always @(posedge clk) begin
    if (rst) row_valid <= 1'b0;
    else if (move) row_valid <= valid1 && completes1;
    if (move) row <= tallest;
  end

  if (COLUMNS == 1) begin : gen_whole
    wire [POUT*B-1:0] result;
    for (genvar o = 0; o < POUT; o++) begin : gen_window
      if (2 * o + 1 < W) begin : gen_two
        wire [B-1:0] two;
        sqz_larger #(.WIDTH(B)) wide (.a(row[2*o*B+:B]), .b(row[(2*o+1)*B+:B]), .larger(two));
        if (2 * o + 2 < W) begin : gen_three
          sqz_larger #(.WIDTH(B)) wider (.a(two), .b(row[(2*o+2)*B+:B]), .larger(result[o*B+:B]));
        end else begin : gen_edge
          assign result[o*B+:B] = two;
        end
      end else begin : gen_one
        assign result[o*B+:B] = row[2*o*B+:B];
      end
    end
    sqz_spare #(.WIDTH(POUT * B)) buffer (
        .clk(clk), .rst(rst), .made(row_valid && row_ready), .room(row_ready), .data(result),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
    );
  end else begin : gen_blocks
    // `waiting` holds a block's windows, the last of which lacks the next block's first pixel. At the
    // row's end the waiting block leaves by itself.
    localparam int CW = (C > 1) ? $clog2(C) : 1;
    localparam int JW = $clog2(COLUMNS);
    (* ram_style = "distributed" *)
    reg [POUT*B-1:0] waiting[0:C-1];
    reg [CW-1:0] channel;
    reg [JW-1:0] column;
    reg ending;
    wire [POUT*B-1:0] stored = waiting[channel];
    wire [POUT*B-1:0] own;
    for (genvar o = 0; o < POUT; o++) begin : gen_window
      wire [B-1:0] two;
      sqz_larger #(.WIDTH(B)) wide (.a(row[2*o*B+:B]), .b(row[(2*o+1)*B+:B]), .larger(two));
      if (o < POUT - 1) begin : gen_three
        sqz_larger #(.WIDTH(B)) wider (.a(two), .b(row[(2*o+2)*B+:B]), .larger(own[o*B+:B]));
      end else begin : gen_two
        assign own[o*B+:B] = two;
      end
    end
    wire [B-1:0] last;
    sqz_larger #(.WIDTH(B)) across (
        .a(stored[(POUT-1)*B+:B]), .b(row[B-1:0] & {B{!ending}}), .larger(last)
    );
    reg [POUT*B-1:0] joined;
    always @* begin
      joined = stored;
      joined[(POUT-1)*B+:B] = last;
    end
    wire room;
    wire last_channel = channel == CW'(C - 1);
    wire step = room && (ending || row_valid);
    assign row_ready = room && !ending;
    sqz_spare #(.WIDTH(POUT * B)) buffer (
        .clk(clk), .rst(rst), .made(step && (ending || column != 0)), .room(room), .data(joined),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
    );
    always @(posedge clk) begin
      if (row_valid && row_ready) waiting[channel] <= own;
    end
    always @(posedge clk) begin
      if (rst) begin
        channel <= 0;
        column <= 0;
        ending <= 1'b0;
      end else begin
        if (step) begin
          channel <= last_channel ? 0 : channel + 1'b1;
          if (last_channel) begin
            if (ending) ending <= 1'b0;
            else begin
              ending <= column == JW'(COLUMNS - 1);
              column <= (column == JW'(COLUMNS - 1)) ? 0 : column + 1'b1;
            end
          end
        end
      end
    end
  end
endmodule
`default_nettype wire
