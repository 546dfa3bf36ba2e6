// Read-only memory of a core's entries, cut into segments that fill block RAMs of SEGMENT words
// (4096 x 9 bits are one RAMB36, 2048 x 9 one RAMB18). Segment s is read from FILE with ".<s as two
// digits>.mem" appended. Data come two clocks after the address; `en` holds both registers.
`default_nettype none
module sqz_entry_rom #(
    parameter int WIDTH = 9,
    parameter int WORDS = 4096,
    parameter int SEGMENT = 4096,
    parameter int LUT_LAST = 0,     // the last segment in LUTs
    parameter     FILE = "entries",
    parameter int AW = (WORDS > 1) ? $clog2(WORDS) : 1  // leave it
) (
    input  wire             clk,
    input  wire             en,
    input  wire [AW-1:0]    address,
    output reg  [WIDTH-1:0] data
);
  localparam int N = (WORDS + SEGMENT - 1) / SEGMENT;
  localparam int LW = $clog2(SEGMENT);
  wire [N*WIDTH-1:0] read;

  for (genvar s = 0; s < N; s++) begin : gen_segment
    localparam int SIZE = (s == N - 1) ? WORDS - s * SEGMENT : SEGMENT;
    localparam int SA = (SIZE > 1) ? $clog2(SIZE) : 1;
    localparam [7:0] TENS = 8'd48 + 8'(s / 10);
    localparam [7:0] ONES = 8'd48 + 8'(s % 10);
    wire [WIDTH-1:0] q;
    if (s == N - 1 && LUT_LAST != 0) begin : gen_lut
      sqz_table #(.WIDTH(WIDTH), .WORDS(SIZE), .FILE({FILE, ".", TENS, ONES, ".mem"})) entries (
          .clk(clk), .rst(1'b0), .en(en), .address(address[SA-1:0]), .data(q)
      );
    end else begin : gen_block
      (* rom_style = "block" *)
      reg [WIDTH-1:0] memory[0:SIZE-1];
      initial $readmemh({FILE, ".", TENS, ONES, ".mem"}, memory);
      reg [WIDTH-1:0] word;
      always @(posedge clk) if (en) word <= memory[address[SA-1:0]];
      assign q = word;
    end
    assign read[s*WIDTH+:WIDTH] = q;
  end

  if (N == 1) begin : gen_one
    always @(posedge clk) if (en) data <= read;
  end else begin : gen_several
    reg [AW-LW-1:0] which;
    wire [WIDTH-1:0] chosen;
    sqz_choose #(.WIDTH(WIDTH), .N(N)) choose (.select(which), .words(read), .word(chosen));
    always @(posedge clk)
      if (en) begin
        which <= address[AW-1:LW];
        data  <= chosen;
      end
  end
endmodule
`default_nettype wire
