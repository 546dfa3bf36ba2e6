// Walks the nonzeros of all output rows (channels) of a core, once for each block of pixels.
//
// An entry is {gap, code}: gap + 1 positions on from the entry before. A row's positions run over the taps
// and, within a tap, over the input channels; a row of the first ROWS1 has the centre tap only. The walk
// goes on from a row's end into the next row, so that a row's beginning is found by position and costs no
// flag; every row has at least one entry (of code 0 if need be), and no gap passes more than one
// tap's end (2**GAP_BITS <= C).
//
// One entry leaves each clock, unless it begins a row (which sends the row before to the drain) and the
// drain is busy (SPACING clocks a row) or the output queue has no room (CREDITS words). After the
// last entry an empty one flushes the last row and ends the block.
`default_nettype none
module sqz_sequencer #(
    parameter int C = 16,           // input channels
    parameter int TAPS = 9,         // 9, or 1 for a 1x1 convolution, or any up to 16
    parameter int ROWS1 = 0,        // rows with the centre tap only
    parameter int ENTRIES = 100,
    parameter int SEGMENT = 4096,
    parameter int LUT_LAST = 0,
    parameter int GAP_BITS = 4,
    parameter int CODE_BITS = 5,
    parameter int SPACING = 4,
    parameter int CREDITS = 16,
    parameter     FILE = "entries",
    parameter int CW = (C > 1) ? $clog2(C) : 1  // leave it
) (
    input  wire                        clk,
    input  wire                        rst,
    input  wire                        start,        // a block's input is there
    output wire                        done,         // pulse: the block's last entry has left
    input  wire                        credit,       // pulse: a word has left the output queue
    output wire                        out_valid,    // an entry leaves in this clock
    output wire [3:0]                  out_tap,
    output wire [CW-1:0]               out_channel,
    output wire [CODE_BITS-1:0]        out_code,     // means something with out_valid only
    output wire                        out_single,   // its row has the centre tap only
    output wire                        out_first,    // it begins a row
    output wire                        out_capture   // the row before it is complete
);
  localparam int AW = (ENTRIES > 1) ? $clog2(ENTRIES) : 1;
  localparam int NW = $clog2(ENTRIES + 1);
  localparam int RW = $clog2(ROWS1 + 2);
  localparam int KW = $clog2(CREDITS + 1);
  localparam int PW = (SPACING > 1) ? $clog2(SPACING) : 1;
  localparam [3:0] LAST_TAP = 4'(TAPS - 1);
  localparam [3:0] CENTRE = (TAPS == 9) ? 4'd4 : 4'd0;

  // Addresses, then two clocks of memory.
  reg busy, fetching, valid1, valid2, flush1, flush2;
  reg [NW-1:0] number;
  wire en;
  wire [GAP_BITS+CODE_BITS-1:0] entry;
  sqz_entry_rom #(
      .WIDTH(GAP_BITS + CODE_BITS), .WORDS(ENTRIES), .SEGMENT(SEGMENT), .LUT_LAST(LUT_LAST), .FILE(FILE)
  ) rom (
      .clk(clk), .en(en), .address(number[AW-1:0]), .data(entry)
  );

  // Position of the entry that leaves.
  reg valid3, flush3, first3, capture3, single3, fresh;
  reg [3:0] tap3;
  reg [CW-1:0] channel3;
  reg [CODE_BITS-1:0] code3;
  reg [RW-1:0] rows1_left;  // rows with the centre tap only that have not begun
  wire [GAP_BITS-1:0] gap = entry[GAP_BITS+CODE_BITS-1:CODE_BITS];
  localparam int XW = ((CW > GAP_BITS) ? CW : GAP_BITS) + 2;
  wire [XW-1:0] ahead = XW'(channel3) + XW'(gap) + XW'(1);
  wire crossing = ahead >= XW'(C);
  wire [XW-1:0] wrapped = crossing ? ahead - XW'(C) : ahead;
  wire row_ends = fresh || single3 || tap3 == LAST_TAP;
  wire new_row = crossing && row_ends;
  wire new_single = rows1_left != 0;

  reg [KW-1:0] credits;
  reg [PW-1:0] wait_drain;
  wire blocked = valid3 && capture3 && (credits == 0 || wait_drain != 0);
  wire leaves = valid3 && !blocked;
  assign en = !blocked;

  assign out_valid = leaves && !flush3;
  assign out_tap = tap3;
  assign out_channel = channel3;
  assign out_code = code3;
  assign out_single = single3;
  assign out_first = leaves && first3;
  assign out_capture = leaves && capture3;
  assign done = leaves && flush3;

  always @(posedge clk) begin
    if (rst) begin
      busy <= 1'b0;
      fetching <= 1'b0;
      number <= 0;
      {valid1, valid2, valid3} <= 3'b000;
      {flush1, flush2, flush3} <= 3'b000;
    end else begin
      if (!busy && start) begin
        busy <= 1'b1;
        fetching <= 1'b1;
      end
      if (done) busy <= 1'b0;
      if (en) begin
        valid1 <= fetching;
        flush1 <= fetching && number == NW'(ENTRIES);
        if (fetching) begin
          number <= (number == NW'(ENTRIES)) ? 0 : number + 1'b1;
          if (number == NW'(ENTRIES)) fetching <= 1'b0;
        end
        valid2 <= valid1;
        flush2 <= flush1;
        valid3 <= valid2;
        flush3 <= flush2;
      end
    end
  end

  always @(posedge clk) begin
    if (!busy) begin
      fresh <= 1'b1;
      channel3 <= CW'(C - 1);
      rows1_left <= RW'(ROWS1);
      {first3, capture3, single3} <= 3'b000;
      tap3 <= LAST_TAP;
    end else if (en && valid2) begin
      code3 <= entry[CODE_BITS-1:0];
      first3 <= flush2 || new_row;
      capture3 <= flush2 || (new_row && !fresh);
      if (!flush2) begin
        channel3 <= wrapped[CW-1:0];
        if (crossing) begin
          tap3 <= !row_ends ? tap3 + 1'b1 : (new_single ? CENTRE : 4'd0);
          if (row_ends) begin
            fresh <= 1'b0;
            single3 <= new_single;
            if (new_single) rows1_left <= rows1_left - 1'b1;
          end
        end
      end
    end
  end

  always @(posedge clk) begin
    if (rst) begin
      credits <= KW'(CREDITS);
      wait_drain <= 0;
    end else begin
      if (out_capture && !credit) credits <= credits - 1'b1;
      if (credit && !out_capture) credits <= credits + 1'b1;
      if (out_capture) wait_drain <= PW'(SPACING - 1);
      else if (wait_drain != 0) wait_drain <= wait_drain - 1'b1;
    end
  end
  wire unused = &{1'b0, wrapped[XW-1:CW]};
endmodule
`default_nettype wire
