// The input side of a convolution with a window: keeps the last blocks of a map and gives, for any tap
// and input channel, the P inputs of the P neighbouring output pixels of the current block.
// EDGE 1: the window looks back by one pixel and one zero surrounds the map. EDGE 0: it looks forward
// from its first pixel, and the map is larger than the output.
//
// The map lies in a raster of W columns and H rows, cut into blocks of P (P divides W, or is whole rows of
// it). WIDTH of its columns are the map's; what comes in or is computed beyond is nobody's. A word in
// has PIN neighbouring pixels of one channel (PIN divides P); all channels of PIN pixels follow each
// other; the last block of a row is filled by TAIL such words. Of each row of blocks COLUMNS are computed,
// in ROWS_OUT of them. Pixel p of a block lies in bank p; a tap moves the window along the raster, so that bank b
// is read in one of two neighbouring blocks, and lanes are rotated, and masked at the map's edges.
//
// Reading takes three clocks: address, memory, rotation. `start` says that the current block has all that
// it needs; `done` goes on to the next.
`default_nettype none
// Some parameters make a comparison constant (REACH 0, one column of blocks): meant so.
/* verilator lint_off UNSIGNED */
/* verilator lint_off CMPCONST */
module sqz_window_buffer #(
    parameter int B = 6,    // bits of a value
    parameter int W = 16,
    parameter int H = 16,
    parameter int C = 16,
    parameter int P = 8,
    parameter int PIN = 4,
    parameter int SIDE = 3,   // taps in a row and in a column
    parameter int EDGE = 1,
    parameter int WIDTH = W,
    parameter int COLUMNS = (P < W) ? W / P : 1,
    parameter int ROWS_OUT = (P < W) ? H : H * W / P,
    parameter int TAIL = P / PIN,
    parameter int SLOTS = 8,  // blocks held: REACH and BEHIND, the current one, and as many as are given back at once
    parameter int CW = (C > 1) ? $clog2(C) : 1  // leave it
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [PIN*B-1:0] in_data,
    output wire             start,
    input  wire             done,
    input  wire [3:0]       tap,
    input  wire [CW-1:0]    channel,
    output wire [P*B-1:0]   pixels   // three clocks after tap and channel
);
  localparam int ACROSS = (P < W) ? W / P : 1;   // blocks side by side
  localparam int BLOCKS = H * W / P;             // of a map
  localparam int REACH = (EDGE != 0) ? ((BLOCKS == 1) ? 0 : (P >= W) ? 1 : W / P + 1)  // blocks needed after
      : (SIDE - 1) * ACROSS + ((ACROSS == 1) ? 0 : (SIDE - 2 + P) / P);
  localparam int BEHIND = (EDGE != 0) ? ((REACH < BLOCKS - 1) ? REACH : BLOCKS - 1) : 0;  // and before
  localparam int BACK = (W + P) / P;             // offsets in the raster are counted from here
  localparam int ROW_STEP = ACROSS - COLUMNS + 1;                   // blocks to the next that is computed
  localparam int MAP_STEP = ROW_STEP + BLOCKS - ACROSS * ROWS_OUT;  // and from the last to the next map
  localparam int SUBS = P / PIN;
  // Slots are numbered by their first word where they follow each other without gaps (C is no power of two and
  // that saves LUT RAMs of 64 words), else one by one.
  localparam int PACKED = ((SLOTS * C + 63) / 64 < ((SLOTS << CW) + 63) / 64) ? 1 : 0;
  localparam int UNIT = (PACKED != 0) ? C : 1;
  localparam int SPAN = SLOTS * UNIT;
  localparam int SW = $clog2(SPAN);
  localparam int OW = $clog2(SLOTS + 1);
  localparam int NW = (BLOCKS > 1) ? $clog2(BLOCKS) : 1;
  localparam int JW = (ACROSS > 1) ? $clog2(ACROSS) : 1;
  localparam int UW = (SUBS > 1) ? $clog2(SUBS) : 1;
  localparam int DEPTH = (PACKED != 0) ? SLOTS * C : SLOTS << CW;
  localparam int AW = (PACKED != 0) ? SW : SW + CW;
  function automatic [AW-1:0] word_of(input [SW-1:0] first, input [CW-1:0] number);
    word_of = (PACKED != 0) ? AW'(first) + AW'(number) : AW'({first, number});
  endfunction

  // ---- writing ----
  reg [CW-1:0] write_channel;
  reg [UW-1:0] write_sub;
  reg [JW-1:0] write_column;
  reg [SW-1:0] write_slot;
  reg [OW-1:0] held;   // whole blocks that may not be overwritten
  reg [OW-1:0] ahead;  // whole blocks from the current one on
  wire write = in_valid && in_ready;
  wire last_channel = write_channel == CW'(C - 1);
  wire write_end = write_column == JW'(ACROSS - 1);
  wire last_sub = write_sub == (write_end ? UW'(TAIL - 1) : UW'(SUBS - 1));
  wire written = write && last_channel && last_sub;
  assign in_ready = held != OW'(SLOTS);

  // ---- the current block ----
  reg [NW-1:0] block;
  reg [JW-1:0] column;
  reg [SW-1:0] slot;
  wire row_ends = column == JW'(COLUMNS - 1);
  wire last_block = block == NW'(BLOCKS - MAP_STEP);
  wire at_left = column == 0;
  wire at_right = column == JW'((P < W) ? (WIDTH - 1) / P : 0);
  wire at_top = block < NW'(ACROSS);
  wire at_bottom = block >= NW'(BLOCKS - ACROSS);
  wire [OW-1:0] step = last_block ? OW'(MAP_STEP) : row_ends ? OW'(ROW_STEP) : OW'(1);
  wire [NW:0] to_come = (NW + 1)'(BLOCKS - 1) - {1'b0, block};
  wire [OW-1:0] needed = (to_come < (NW + 1)'(REACH)) ? OW'(to_come) : OW'(REACH);
  assign start = ahead > needed;

  // Blocks that nothing reads any more are given back when the last read is through.
  localparam int LAG = 5;
  reg [LAG-1:0] give_one, give_row, give_all;
  wire [OW-1:0] given = give_all[LAG-1] ? OW'(BEHIND + MAP_STEP)
      : give_row[LAG-1] ? OW'(ROW_STEP) : OW'(give_one[LAG-1]);
  wire [SW:0] next_slot = {1'b0, slot}
      + (last_block ? (SW + 1)'(MAP_STEP * UNIT) : row_ends ? (SW + 1)'(ROW_STEP * UNIT) : (SW + 1)'(UNIT));

  always @(posedge clk) begin
    if (rst) begin
      write_channel <= 0;
      write_sub <= 0;
      write_column <= 0;
      write_slot <= 0;
      held <= 0;
      ahead <= 0;
      block <= 0;
      column <= 0;
      slot <= 0;
      give_one <= 0;
      give_row <= 0;
      give_all <= 0;
    end else begin
      if (write) begin
        write_channel <= last_channel ? 0 : write_channel + 1'b1;
        if (last_channel) write_sub <= last_sub ? 0 : write_sub + 1'b1;
      end
      if (written) begin
        write_slot   <= (write_slot == SW'(SPAN - UNIT)) ? 0 : write_slot + SW'(UNIT);
        write_column <= write_end ? 0 : write_column + 1'b1;
      end
      held  <= held + OW'(written) - given;
      ahead <= ahead + OW'(written) - (done ? step : OW'(0));
      give_one <= {give_one[LAG-2:0], done && 32'(block) >= BEHIND};
      give_row <= {give_row[LAG-2:0], done && row_ends && ROW_STEP > 1};
      give_all <= {give_all[LAG-2:0], done && last_block};
      if (done) begin
        block  <= last_block ? 0 : block + NW'(step);
        column <= row_ends ? 0 : column + 1'b1;
        slot   <= (next_slot >= (SW + 1)'(SPAN)) ? SW'(next_slot - (SW + 1)'(SPAN)) : next_slot[SW-1:0];
      end
    end
  end

  // ---- reading, first clock: an address for each bank ----
  // Tap t is (t / SIDE - EDGE) * W + t % SIDE - EDGE pixels along the raster.
  function automatic int along(input int t);  // from BACK blocks before
    along = (t / SIDE - EDGE) * W + t % SIDE - EDGE + BACK * P;
  endfunction
  localparam int LW = (SIDE > 1) ? $clog2(SIDE) : 1;
  reg [SW-1:0] low_offset, high_offset;  // of the two blocks, as slots are numbered
  reg [LW-1:0] tap_column, tap_row;
  always @* begin
    low_offset  = 0;
    high_offset = 0;
    tap_column = 0;
    tap_row = 0;
    for (int t = 0; t < SIDE * SIDE; t++)
      if (tap == 4'(t)) begin
        low_offset = SW'((along(t) / P + BACK * (SLOTS - 1)) % SLOTS * UNIT);
        high_offset = SW'((along(t) / P + 1 + BACK * (SLOTS - 1)) % SLOTS * UNIT);
        tap_column = LW'(t % SIDE);
        tap_row = LW'(t / SIDE);
      end
  end
  wire [SW:0] low_sum = {1'b0, slot} + {1'b0, low_offset};
  wire [SW:0] high_sum = {1'b0, slot} + {1'b0, high_offset};
  /* verilator lint_off UNUSEDSIGNAL */  // the carry is gone after the subtraction
  wire [SW:0] low_slot = (low_sum >= (SW + 1)'(SPAN)) ? low_sum - (SW + 1)'(SPAN) : low_sum;
  wire [SW:0] high_slot = (high_sum >= (SW + 1)'(SPAN)) ? high_sum - (SW + 1)'(SPAN) : high_sum;
  /* verilator lint_on UNUSEDSIGNAL */

  reg [LW-1:0] column1, column2, row1, row2;
  reg left1, right1, top1, bottom1, left2, right2, top2, bottom2;
  always @(posedge clk) begin
    column1 <= tap_column;
    row1 <= tap_row;
    left1 <= EDGE != 0 && at_left && tap_column == 0;
    right1 <= EDGE != 0 && at_right && tap_column == LW'(SIDE - 1);
    top1 <= EDGE != 0 && at_top && tap_row == 0;
    bottom1 <= EDGE != 0 && at_bottom && tap_row == LW'(SIDE - 1);
    column2 <= column1;
    row2 <= row1;
    {left2, right2, top2, bottom2} <= {left1, right1, top1, bottom1};
  end

  wire [P*B-1:0] bank;  // second clock
  for (genvar b = 0; b < P; b++) begin : gen_bank
    reg high;
    always @* begin
      high = 1'b0;
      for (int t = 0; t < SIDE * SIDE; t++) if (tap == 4'(t)) high = b < along(t) % P;
    end
    (* ram_style = "distributed" *)
    reg [B-1:0] memory[0:DEPTH-1];
    reg [AW-1:0] address;
    reg [B-1:0] q;
    wire here = write && write_sub == UW'(b / PIN);
    always @(posedge clk) begin
      if (here) memory[word_of(write_slot, write_channel)] <= in_data[(b%PIN)*B+:B];
      address <= word_of(high ? high_slot[SW-1:0] : low_slot[SW-1:0], channel);
      q <= memory[address];
    end
    assign bank[b*B+:B] = q;
  end

  // ---- third clock: lane l takes bank l + offset, or zero outside the map ----
  for (genvar l = 0; l < P; l++) begin : gen_lane
    localparam bit IS_LEFT = (l % W == 0);
    localparam bit IS_RIGHT = (P < W) ? (l == (WIDTH - 1) % P) : (l % W == WIDTH - 1);
    localparam bit IS_TOP = (P < W) || (l / W == 0);
    localparam bit IS_BOTTOM = (P < W) || (l / W == P / W - 1);
    wire outside = (IS_LEFT && left2) || (IS_RIGHT && right2) || (IS_TOP && top2) || (IS_BOTTOM && bottom2);
    reg [B-1:0] chosen, pixel;
    if (W % P == 0) begin : gen_columns
      // All rows of taps read the same banks: as many to choose from as there are columns.
      always @* begin
        chosen = 0;
        for (int t = 0; t < SIDE; t++)
          if (column2 == LW'(t) && !outside) chosen = bank[((l+along(t))%P)*B+:B];
      end
      wire unused = &{1'b0, row2};
    end else begin : gen_taps
      always @* begin
        chosen = 0;
        for (int t = 0; t < SIDE * SIDE; t++)
          if (column2 == LW'(t % SIDE) && row2 == LW'(t / SIDE) && !outside)
            chosen = bank[((l+along(t))%P)*B+:B];
      end
    end
    always @(posedge clk) pixel <= chosen;
    assign pixels[l*B+:B] = pixel;
  end
endmodule
/* verilator lint_on CMPCONST */
/* verilator lint_on UNSIGNED */
`default_nettype wire
