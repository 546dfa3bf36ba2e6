// A sparse convolution, or a share of its output channels: P neighbouring output pixels share one
// stream of nonzeros. One in-stream of words of PIN pixels (one channel), one out-stream of words of
// P pixels (one output channel), both all channels of a block after each other.
// TAPS 1: 1x1; else SIDE x SIDE of stride 1: with EDGE one zero around the map, without it the window looks
// forward. With 3x3 and EDGE the first ROWS1 rows may be 1x1 (the centre tap).
// SHARED: an entry's code is the number of a shared weight in CODEBOOK_FILE, where number 0 is 0.
`default_nettype none
module sqz_sparse_core #(
    parameter int W = 16,
    parameter int H = 16,
    parameter int C = 16,
    parameter int TAPS = 9,
    parameter int SIDE = 3,
    parameter int EDGE = 1,
    parameter int WIDTH = W,
    parameter int COLUMNS = 1,
    parameter int ROWS_OUT = H,
    parameter int TAIL = 1,
    parameter int ROWS1 = 0,
    parameter int ROWS = 64,
    parameter int P = 8,
    parameter int PIN = 4,
    parameter int Q = 2,
    parameter int SLOTS = 4,
    parameter int BLOCK_RAM = 0,
    parameter int B = 6,
    parameter int ENTRIES = 100,
    parameter int SEGMENT = 4096,
    parameter int LUT_LAST = 0,
    parameter int GAP_BITS = 4,
    parameter int CODE_BITS = 5,
    parameter int VALUE = 5,       // bits of a weight after its shift or codebook
    parameter int SHIFT1 = 0,      // weights of 1x1 rows are shifted left to the common grid
    parameter int SHIFT3 = 0,      // those of all others
    parameter int PACK = 1,
    parameter int SPLIT = 18,
    parameter int LUTS = 0,
    parameter int MAGNITUDE = VALUE,  // bits of the largest of them without its sign
    parameter int SUM = 17,
    parameter int UP = 0,
    parameter int BIAS = 12,
    parameter int TOTAL = 18,
    parameter int DROP = 8,
    parameter int ROUNDING = 2,
    parameter int OUT = 6,
    parameter bit OUT_SIGNED = 0,
    parameter bit SATURATE = 1,
    parameter int QUEUE = 16,
    parameter int SHARED = 0,
    parameter     CODEBOOK_FILE = "codebook.mem",
    parameter     ENTRY_FILE = "entries",
    parameter     BIAS_FILE = "bias.mem"
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [PIN*B-1:0] in_data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [P*OUT-1:0] out_data
);
  localparam int CW = (C > 1) ? $clog2(C) : 1;
  wire start, done, credit, valid, single, first, capture;
  wire [3:0] tap;
  wire [CW-1:0] channel;
  wire [CODE_BITS-1:0] code;
  wire [P*B-1:0] pixels;

  if (TAPS > 1) begin : gen_window
    sqz_window_buffer #(
        .B(B), .W(W), .H(H), .C(C), .P(P), .PIN(PIN), .SIDE(SIDE), .EDGE(EDGE), .WIDTH(WIDTH),
        .COLUMNS(COLUMNS), .ROWS_OUT(ROWS_OUT), .TAIL(TAIL), .SLOTS(SLOTS)
    ) buffer (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .start(start), .done(done), .tap(tap), .channel(channel), .pixels(pixels)
    );
  end else begin : gen_block
    sqz_block_buffer #(
        .B(B), .C(C), .P(P), .PIN(PIN), .SLOTS(SLOTS), .BLOCK_RAM(BLOCK_RAM)
    ) buffer (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .start(start), .done(done), .channel(channel), .pixels(pixels)
    );
    wire unused = &{1'b0, tap};
  end

  sqz_sequencer #(
      .C(C), .TAPS(TAPS), .ROWS1(ROWS1), .ENTRIES(ENTRIES), .SEGMENT(SEGMENT), .LUT_LAST(LUT_LAST),
      .GAP_BITS(GAP_BITS), .CODE_BITS(CODE_BITS), .SPACING(P / Q), .CREDITS(QUEUE), .FILE(ENTRY_FILE)
  ) sequencer (
      .clk(clk), .rst(rst), .start(start), .done(done), .credit(credit), .out_valid(valid),
      .out_tap(tap), .out_channel(channel), .out_code(code), .out_single(single),
      .out_first(first), .out_capture(capture)
  );

  wire signed [VALUE-1:0] weight;
  if (SHARED != 0) begin : gen_shared
    localparam int BOOKS = (ROWS1 != 0) ? 2 : 1;
    localparam int NW = CODE_BITS + BOOKS - 1;
    (* rom_style = "distributed", ram_style = "logic" *)  // the one for Vivado, the other for Yosys
    reg [VALUE-1:0] values[0:(1<<NW)-1];
    initial $readmemh(CODEBOOK_FILE, values);
    wire [CODE_BITS:0] number = {single, code};
    assign weight = valid ? $signed(values[number[NW-1:0]]) : $signed({VALUE{1'b0}});
    if (BOOKS == 1) begin : gen_one
      wire unused = &{1'b0, number[CODE_BITS]};
    end
  end else begin : gen_plain
    wire signed [VALUE-1:0] value = valid ? VALUE'($signed(code)) : $signed({VALUE{1'b0}});
    assign weight = single ? value <<< SHIFT1 : value <<< SHIFT3;
  end
  wire captured;
  wire [P*SUM-1:0] sums;
  wire [P-1:0] carry;
  sqz_lanes #(
      .P(P), .B(B), .VALUE(VALUE), .SUM(SUM), .PACK(PACK), .SPLIT(SPLIT), .LUTS(LUTS),
      .MAGNITUDE(MAGNITUDE)
  ) lanes (
      .clk(clk), .rst(rst), .weight(weight), .first(first), .capture(capture), .pixels(pixels),
      .captured(captured), .sums(sums), .carry(carry)
  );

  wire row_valid;
  wire [P*OUT-1:0] row_data;
  sqz_drain #(
      .P(P), .Q(Q), .ROWS(ROWS), .SUM(SUM), .UP(UP), .BIAS(BIAS), .TOTAL(TOTAL), .DROP(DROP),
      .ROUNDING(ROUNDING), .OUT(OUT), .OUT_SIGNED(OUT_SIGNED), .SATURATE(SATURATE), .FILE(BIAS_FILE)
  ) drain (
      .clk(clk), .rst(rst), .captured(captured), .sums(sums), .carry(carry),
      .out_valid(row_valid), .out_data(row_data)
  );

  // The sequencer counts the words, so the queue always has room.
  wire room;
  sqz_fifo #(.WIDTH(P * OUT), .DEPTH(QUEUE)) queue (
      .clk(clk), .rst(rst), .in_valid(row_valid), .in_ready(room), .in_data(row_data),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data), .popped(credit)
  );
  wire unused_core = &{1'b0, room};

`ifdef SQZ_STATS
  longint unsigned cycles, issued, waiting, blocks;
  always @(posedge clk)
    if (rst) {cycles, issued, waiting, blocks} <= 0;
    else begin
      cycles  <= cycles + 1;
      issued  <= issued + 64'(valid);
      blocks  <= blocks + 64'(done);
      waiting <= waiting + 64'(!sequencer.busy && !start);
      if (row_valid && !room) $fatal(1, "%m: output queue overflows");
    end
  final
    $display("STAT %m core lanes=%0d entries=%0d cycles=%0d issued=%0d waiting=%0d blocks=%0d",
             P, ENTRIES, cycles, issued, waiting, blocks);
`endif
endmodule
`default_nettype wire
