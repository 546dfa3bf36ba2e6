// The input side of a 3x3 convolution (stride 1, one zero around): keeps the last blocks of a map and gives,
// for any tap and input channel, the P inputs of the P neighbouring output pixels of the current block.
//
// A map is H x W pixels in raster order, cut into blocks of P (P divides W, or is whole rows of it). A word in
// has PIN neighbouring pixels of one channel (PIN divides P); all channels of PIN pixels follow
// each other. Pixel p of a block lies in bank p; a tap moves the window along the raster, so that bank b
// is read in one of two neighbouring blocks, and lanes are rotated and masked at the map's edges.
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
    parameter int SLOTS = 8,  // blocks held: 2 * ceil((W + 1) / P) + 2; 4 where P is W or more; 2 where it is W * H
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
  localparam int BLOCKS = H * W / P;           // of a map
  localparam int COLUMNS = (P < W) ? W / P : 1;  // blocks side by side
  localparam int REACH = (BLOCKS == 1) ? 0 : (P >= W) ? 1 : W / P + 1;  // blocks needed before and after
  localparam int BACK = (W + P) / P;           // offsets in the raster are counted from here
  localparam int SUBS = P / PIN;
  localparam int SW = $clog2(SLOTS);
  localparam int OW = $clog2(SLOTS + 1);
  localparam int NW = (BLOCKS > 1) ? $clog2(BLOCKS) : 1;
  localparam int JW = (COLUMNS > 1) ? $clog2(COLUMNS) : 1;
  localparam int UW = (SUBS > 1) ? $clog2(SUBS) : 1;
  localparam int DEPTH = SLOTS << CW;
  localparam int AW = SW + CW;

  // ---- writing ----
  reg [CW-1:0] write_channel;
  reg [UW-1:0] write_sub;
  reg [SW-1:0] write_slot;
  reg [OW-1:0] held;   // whole blocks that may not be overwritten
  reg [OW-1:0] ahead;  // whole blocks from the current one on
  wire write = in_valid && in_ready;
  wire last_channel = write_channel == CW'(C - 1);
  wire last_sub = write_sub == UW'(SUBS - 1);
  wire written = write && last_channel && last_sub;
  assign in_ready = held != OW'(SLOTS);

  // ---- the current block ----
  reg [NW-1:0] block;
  reg [JW-1:0] column;
  reg [SW-1:0] slot;
  wire last_block = block == NW'(BLOCKS - 1);
  wire at_left = column == 0;
  wire at_right = column == JW'(COLUMNS - 1);
  wire at_top = block < NW'(COLUMNS);
  wire at_bottom = block >= NW'(BLOCKS - COLUMNS);
  wire [NW:0] to_come = (NW + 1)'(BLOCKS - 1) - {1'b0, block};
  wire [OW-1:0] needed = (to_come < (NW + 1)'(REACH)) ? OW'(to_come) : OW'(REACH);
  assign start = ahead > needed;

  // Blocks that nothing reads any more are given back when the last read is through.
  localparam int LAG = 5;
  localparam int KEPT_BACK = (REACH < BLOCKS - 1) ? REACH : BLOCKS - 1;
  reg [LAG-1:0] give_one, give_all;
  wire [OW-1:0] given = give_all[LAG-1] ? OW'(KEPT_BACK + 1) : OW'(give_one[LAG-1]);

  always @(posedge clk) begin
    if (rst) begin
      write_channel <= 0;
      write_sub <= 0;
      write_slot <= 0;
      held <= 0;
      ahead <= 0;
      block <= 0;
      column <= 0;
      slot <= 0;
      give_one <= 0;
      give_all <= 0;
    end else begin
      if (write) begin
        write_channel <= last_channel ? 0 : write_channel + 1'b1;
        if (last_channel) write_sub <= last_sub ? 0 : write_sub + 1'b1;
      end
      if (written) write_slot <= (write_slot == SW'(SLOTS - 1)) ? 0 : write_slot + 1'b1;
      held  <= held + OW'(written) - given;
      ahead <= ahead + OW'(written) - OW'(done);
      give_one <= {give_one[LAG-2:0], done && !last_block && 32'(block) >= KEPT_BACK};
      give_all <= {give_all[LAG-2:0], done && last_block};
      if (done) begin
        block  <= last_block ? 0 : block + 1'b1;
        column <= at_right ? 0 : column + 1'b1;
        slot   <= (slot == SW'(SLOTS - 1)) ? 0 : slot + 1'b1;
      end
    end
  end

  // ---- reading, first clock: an address for each bank ----
  // Tap t is (t / 3 - 1) * W + t % 3 - 1 pixels along the raster.
  reg [SW-1:0] low_offset, high_offset;  // of the two blocks, in slots
  always @* begin
    low_offset  = 0;
    high_offset = 0;
    for (int t = 0; t < 9; t++)
      if (tap == 4'(t)) begin
        low_offset = SW'((((t / 3 - 1) * W + t % 3 - 1 + BACK * P) / P + BACK * (SLOTS - 1)) % SLOTS);
        high_offset = SW'((((t / 3 - 1) * W + t % 3 - 1 + BACK * P) / P + 1 + BACK * (SLOTS - 1)) % SLOTS);
      end
  end
  wire [SW:0] low_sum = {1'b0, slot} + {1'b0, low_offset};
  wire [SW:0] high_sum = {1'b0, slot} + {1'b0, high_offset};
  /* verilator lint_off UNUSEDSIGNAL */  // the carry is gone after the subtraction
  wire [SW:0] low_slot = (low_sum >= (SW + 1)'(SLOTS)) ? low_sum - (SW + 1)'(SLOTS) : low_sum;
  wire [SW:0] high_slot = (high_sum >= (SW + 1)'(SLOTS)) ? high_sum - (SW + 1)'(SLOTS) : high_sum;
  /* verilator lint_on UNUSEDSIGNAL */

  reg [3:0] tap1, tap2;
  reg left1, right1, top1, bottom1, left2, right2, top2, bottom2;
  always @(posedge clk) begin
    tap1 <= tap;
    left1 <= at_left && (tap == 0 || tap == 3 || tap == 6);
    right1 <= at_right && (tap == 2 || tap == 5 || tap == 8);
    top1 <= at_top && tap < 3;
    bottom1 <= at_bottom && tap > 5;
    tap2 <= tap1;
    {left2, right2, top2, bottom2} <= {left1, right1, top1, bottom1};
  end

  wire [P*B-1:0] bank;  // second clock
  for (genvar b = 0; b < P; b++) begin : gen_bank
    reg high;
    always @* begin
      high = 1'b0;
      for (int t = 0; t < 9; t++)
        if (tap == 4'(t)) high = b < ((t / 3 - 1) * W + t % 3 - 1 + BACK * P) % P;
    end
    (* ram_style = "distributed" *)
    reg [B-1:0] memory[0:DEPTH-1];
    reg [AW-1:0] address;
    reg [B-1:0] q;
    wire here = write && write_sub == UW'(b / PIN);
    always @(posedge clk) begin
      if (here) memory[{write_slot, write_channel}] <= in_data[(b%PIN)*B+:B];
      address <= {high ? high_slot[SW-1:0] : low_slot[SW-1:0], channel};
      q <= memory[address];
    end
    assign bank[b*B+:B] = q;
  end

  // ---- third clock: lane l takes bank l + offset, or zero outside the map ----
  for (genvar l = 0; l < P; l++) begin : gen_lane
    localparam bit IS_LEFT = (l % W == 0);
    localparam bit IS_RIGHT = (l % W == ((P < W) ? P : W) - 1);
    localparam bit IS_TOP = (P < W) || (l / W == 0);
    localparam bit IS_BOTTOM = (P < W) || (l / W == P / W - 1);
    wire outside = (IS_LEFT && left2) || (IS_RIGHT && right2) || (IS_TOP && top2) || (IS_BOTTOM && bottom2);
    reg [B-1:0] chosen, pixel;
    if (W % P == 0) begin : gen_three
      // Rows of taps read the same banks: three to choose from.
      localparam int BEFORE = (l + P - 1) % P;
      localparam int AFTER = (l + 1) % P;
      wire [1:0] select = outside ? 2'd3
          : (tap2 == 0 || tap2 == 3 || tap2 == 6) ? 2'd0 : (tap2 == 1 || tap2 == 4 || tap2 == 7) ? 2'd1 : 2'd2;
      always @* begin
        case (select)
          2'd0: chosen = bank[BEFORE*B+:B];
          2'd1: chosen = bank[l*B+:B];
          2'd2: chosen = bank[AFTER*B+:B];
          default: chosen = 0;
        endcase
      end
    end else begin : gen_nine
      always @* begin
        chosen = 0;
        for (int t = 0; t < 9; t++)
          if (tap2 == 4'(t) && !outside)
            chosen = bank[((l+(t/3-1)*W+t%3-1+BACK*P)%P)*B+:B];
      end
    end
    always @(posedge clk) pixel <= chosen;
    assign pixels[l*B+:B] = pixel;
  end
endmodule
/* verilator lint_on CMPCONST */
/* verilator lint_on UNSIGNED */
`default_nettype wire
