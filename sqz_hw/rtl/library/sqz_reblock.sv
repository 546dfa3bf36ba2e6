// A queue of whole blocks that may change their size: blocks of PIN pixels in, of POUT out (one divides the
// other), both all channels of a block after each other. With PIN = POUT a queue of SLOTS blocks, such as
// the one beside a Fire module. A block leaves when it is whole (with PIN = POUT, word by word).
`default_nettype none
module sqz_reblock #(
    parameter int B = 6,
    parameter int C = 16,
    parameter int PIN = 4,
    parameter int POUT = 8,
    parameter int SLOTS = 2,      // blocks of the larger size
    parameter int BLOCK_RAM = 0
) (
    input  wire              clk,
    input  wire              rst,
    input  wire              in_valid,
    output wire              in_ready,
    input  wire [PIN*B-1:0]  in_data,
    output wire              out_valid,
    input  wire              out_ready,
    output wire [POUT*B-1:0] out_data
);
  localparam int SUBS_IN = (PIN < POUT) ? POUT / PIN : 1;
  localparam int SUBS_OUT = (POUT < PIN) ? PIN / POUT : 1;
  localparam int WIDE = (POUT < PIN) ? PIN : POUT;
  localparam int DEPTH = SLOTS * C;
  localparam int AW = $clog2(DEPTH);
  localparam int FW = $clog2(DEPTH + 1);
  localparam int CW = (C > 1) ? $clog2(C) : 1;
  localparam int IW = (SUBS_IN > 1) ? $clog2(SUBS_IN) : 1;
  localparam int UW = (SUBS_OUT > 1) ? $clog2(SUBS_OUT) : 1;

  // `used` words may not be overwritten, `full` words may be read.
  reg [AW-1:0] write_base, write_at, read_base, read_at;
  reg [CW-1:0] write_channel, read_channel;
  reg [IW-1:0] write_sub;
  reg [UW-1:0] read_sub, sub1;
  reg [FW-1:0] used, full;
  wire write = in_valid && in_ready;
  wire write_last = write_channel == CW'(C - 1);
  wire write_last_sub = write_sub == IW'(SUBS_IN - 1);
  wire read_last = read_channel == CW'(C - 1);
  wire read_last_sub = read_sub == UW'(SUBS_OUT - 1);
  reg out_full;
  wire read = full != 0 && (!out_full || out_ready);
  // A word counts as used from its first pixels on, as full from its last pixels on; it is free when
  // its last pixels have been read.
  wire begun = write && write_sub == 0;
  wire whole = write && write_last_sub;
  wire freed = read && read_last_sub;
  // Reading may begin on a word that is whole; between sub-blocks it goes back over words that are.
  reg [FW-1:0] readable;
  // What in_ready will be is computed a clock ahead: it goes upstream through several modules.
  reg room;
  wire [FW-1:0] used_next = used + FW'(begun) - FW'(freed);
  wire between = (write && write_last) ? !write_last_sub : write_sub != 0;  // sub-blocks of a block
  assign in_ready = room;
  assign out_valid = out_full;
  always @* full = readable;

  function automatic [AW-1:0] next(input [AW-1:0] at);
    next = (at == AW'(DEPTH - 1)) ? 0 : at + 1'b1;
  endfunction

  // With SUBS_OUT > 1 the same C words are read SUBS_OUT times: they stay readable, and
  // a block is only begun when all of it is there.
  reg [$clog2(SLOTS + 1)-1:0] blocks;
  wire block_in = whole && write_last;
  wire block_out = freed && read_last;
  always @(posedge clk) begin
    if (rst) begin
      write_base <= 0;
      write_at <= 0;
      write_channel <= 0;
      write_sub <= 0;
      read_base <= 0;
      read_at <= 0;
      read_channel <= 0;
      read_sub <= 0;
      used <= 0;
      room <= 1'b1;
      readable <= 0;
      blocks <= 0;
      out_full <= 1'b0;
    end else begin
      if (write) begin
        write_channel <= write_last ? 0 : write_channel + 1'b1;
        write_at <= (write_last && !write_last_sub) ? write_base : next(write_at);
        if (write_last) begin
          write_sub <= write_last_sub ? 0 : write_sub + 1'b1;
          if (write_last_sub) write_base <= next(write_at);
        end
      end
      if (read) begin
        read_channel <= read_last ? 0 : read_channel + 1'b1;
        read_at <= (read_last && !read_last_sub) ? read_base : next(read_at);
        if (read_last) begin
          read_sub <= read_last_sub ? 0 : read_sub + 1'b1;
          if (read_last_sub) read_base <= next(read_at);
        end
      end
      used <= used_next;
      room <= between || used_next != FW'(DEPTH);
      if (SUBS_OUT == 1) readable <= readable + FW'(whole) - FW'(read);
      else begin
        blocks   <= blocks + ($clog2(SLOTS + 1))'(block_in) - ($clog2(SLOTS + 1))'(block_out);
        readable <= FW'((blocks != 0 && !(block_out && blocks == 1)) || block_in);
      end
      if (read) out_full <= 1'b1;
      else if (out_ready) out_full <= 1'b0;
    end
  end
  always @(posedge clk) if (read) sub1 <= read_sub;

  wire [WIDE*B-1:0] words;
  for (genvar s = 0; s < SUBS_IN; s++) begin : gen_memory
    wire here = write && write_sub == IW'(s);
    reg [PIN*B-1:0] q;
    if (BLOCK_RAM != 0) begin : gen_block
      (* ram_style = "block" *)
      reg [PIN*B-1:0] memory[0:DEPTH-1];
      always @(posedge clk) begin
        if (here) memory[write_at] <= in_data;
        if (read) q <= memory[read_at];
      end
    end else begin : gen_lut
      (* ram_style = "distributed" *)
      reg [PIN*B-1:0] memory[0:DEPTH-1];
      always @(posedge clk) begin
        if (here) memory[write_at] <= in_data;
        if (read) q <= memory[read_at];
      end
    end
    assign words[s*PIN*B+:PIN*B] = q;
  end
  reg [POUT*B-1:0] chosen;
  always @* begin
    chosen = 0;
    for (int s = 0; s < SUBS_OUT; s++) if (sub1 == UW'(s)) chosen = words[s*POUT*B+:POUT*B];
  end
  assign out_data = chosen;

`ifdef SQZ_STATS
  int unsigned high_water;
  always @(posedge clk)
    if (rst) high_water <= 0;
    else if (32'(used) > high_water) high_water <= 32'(used);
  final $display("STAT %m reblock depth=%0d high_water=%0d", DEPTH, high_water);
`endif
endmodule
`default_nettype wire
