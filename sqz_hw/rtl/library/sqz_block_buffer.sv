// The input side of a 1x1 convolution: two blocks of all channels, one being read while the other is written.
// Blocks in have PIN pixels, blocks out P; one divides the other.
// `start` says that the current block is there, `done` goes on to the next. Reading takes three clocks.
`default_nettype none
module sqz_block_buffer #(
    parameter int B = 6,
    parameter int C = 16,
    parameter int P = 8,
    parameter int PIN = 4,
    parameter int SLOTS = 2,
    parameter int BLOCK_RAM = 0,  // else LUT RAM
    parameter int CW = (C > 1) ? $clog2(C) : 1  // leave it
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [PIN*B-1:0] in_data,
    output wire             start,
    input  wire             done,
    input  wire [CW-1:0]    channel,
    output wire [P*B-1:0]   pixels   // three clocks after channel
);
  localparam int SUBS_IN = (PIN < P) ? P / PIN : 1;
  localparam int SUBS_OUT = (P < PIN) ? PIN / P : 1;
  localparam int WIDE = (P < PIN) ? PIN : P;
  localparam int SW = $clog2(SLOTS);
  localparam int OW = $clog2(SLOTS + 1);
  localparam int IW = (SUBS_IN > 1) ? $clog2(SUBS_IN) : 1;
  localparam int UW = (SUBS_OUT > 1) ? $clog2(SUBS_OUT) : 1;
  localparam int LAG = 5;

  reg [CW-1:0] write_channel;
  reg [IW-1:0] write_sub;
  reg [UW-1:0] read_sub, sub1, sub2;
  reg [SW-1:0] write_slot, read_slot;
  reg [OW-1:0] held, ahead;
  reg [LAG-1:0] give;
  wire write = in_valid && in_ready;
  wire last_channel = write_channel == CW'(C - 1);
  wire last_sub = write_sub == IW'(SUBS_IN - 1);
  wire written = write && last_channel && last_sub;
  wire finished = done && read_sub == UW'(SUBS_OUT - 1);
  assign in_ready = held != OW'(SLOTS);
  assign start = ahead != 0;

  always @(posedge clk) begin
    if (rst) begin
      write_channel <= 0;
      write_sub <= 0;
      write_slot <= 0;
      read_sub <= 0;
      read_slot <= 0;
      held <= 0;
      ahead <= 0;
      give <= 0;
    end else begin
      if (write) begin
        write_channel <= last_channel ? 0 : write_channel + 1'b1;
        if (last_channel) write_sub <= last_sub ? 0 : write_sub + 1'b1;
      end
      if (written) write_slot <= (write_slot == SW'(SLOTS - 1)) ? 0 : write_slot + 1'b1;
      held  <= held + OW'(written) - OW'(give[LAG-1]);
      ahead <= ahead + OW'(written) - OW'(finished);
      give  <= {give[LAG-2:0], finished};
      if (done) read_sub <= finished ? 0 : read_sub + 1'b1;
      if (finished) read_slot <= (read_slot == SW'(SLOTS - 1)) ? 0 : read_slot + 1'b1;
    end
  end

  reg [SW+CW-1:0] address;
  always @(posedge clk) begin
    address <= {read_slot, channel};
    sub1 <= read_sub;
    sub2 <= sub1;
  end

  wire [WIDE*B-1:0] read;  // second clock
  for (genvar s = 0; s < SUBS_IN; s++) begin : gen_memory
    wire here = write && write_sub == IW'(s);
    reg [PIN*B-1:0] q;
    if (BLOCK_RAM != 0) begin : gen_block
      (* ram_style = "block" *)
      reg [PIN*B-1:0] memory[0:(SLOTS<<CW)-1];
      always @(posedge clk) begin
        if (here) memory[{write_slot, write_channel}] <= in_data;
        q <= memory[address];
      end
    end else begin : gen_lut
      (* ram_style = "distributed" *)
      reg [PIN*B-1:0] memory[0:(SLOTS<<CW)-1];
      always @(posedge clk) begin
        if (here) memory[{write_slot, write_channel}] <= in_data;
        q <= memory[address];
      end
    end
    assign read[s*PIN*B+:PIN*B] = q;
  end

  reg [P*B-1:0] chosen, pixel;  // third clock
  always @* begin
    chosen = 0;
    for (int s = 0; s < SUBS_OUT; s++) if (sub2 == UW'(s)) chosen = read[s*P*B+:P*B];
  end
  always @(posedge clk) pixel <= chosen;
  assign pixels = pixel;
endmodule
`default_nettype wire
