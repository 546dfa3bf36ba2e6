// Regroups a map: S x S pixels become one of S * S * C channels (row, column, channel of it), so that a
// convolution of stride S becomes one of stride 1. One value a word in and out: rows, columns, channels.
// Groups that hang over the right or the lower edge are filled with zeros. Two bands of S rows: one is read
// while the other is written.
`default_nettype none
module sqz_space_to_depth #(
    parameter int B = 8,
    parameter int W = 227,
    parameter int H = 227,
    parameter int C = 3,
    parameter int S = 2
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         in_valid,
    output wire         in_ready,
    input  wire [B-1:0] in_data,
    output wire         out_valid,
    input  wire         out_ready,
    output wire [B-1:0] out_data
);
  localparam int LINE = W * C;               // values of a row
  localparam int BANDS = (H + S - 1) / S;
  localparam int GROUPS = (W + S - 1) / S;   // of a band
  localparam int RUN = S * C;                // values of a group that follow each other in a row
  localparam int LAST_ROWS = H - (BANDS - 1) * S;
  localparam int DEPTH = S * LINE;
  localparam int AW = $clog2(2 * DEPTH);
  localparam int LW = $clog2(GROUPS * RUN + 1);
  localparam int NW = (BANDS > 1) ? $clog2(BANDS) : 1;
  localparam int SW = (S > 1) ? $clog2(S) : 1;
  localparam int RW = (RUN > 1) ? $clog2(RUN) : 1;

  // ---- writing: a band row after row ----
  reg write_half;
  reg [AW-1:0] write_at;  // within the band
  reg [NW-1:0] write_band;
  reg [1:0] held;  // whole bands that are not read yet
  wire write = in_valid && in_ready;
  wire write_last_band = write_band == NW'(BANDS - 1);
  wire written = write && write_at == (write_last_band ? AW'(LAST_ROWS * LINE - 1) : AW'(DEPTH - 1));
  assign in_ready = held != 2'd2;

  // ---- reading: for each group its S runs ----
  reg read_half, out_full, outside;
  reg [NW-1:0] read_band;
  reg [SW-1:0] row;
  reg [RW-1:0] step;
  reg [LW-1:0] first;     // of the group, within a row
  reg [AW-1:0] base;      // of the row, within the band
  wire read = held != 0 && (!out_full || out_ready);
  wire [LW-1:0] place = first + LW'(step);
  wire run_ends = step == RW'(RUN - 1);
  wire group_ends = run_ends && row == SW'(S - 1);
  wire band_ends = group_ends && first == LW'((GROUPS - 1) * RUN);
  wire read_last_band = read_band == NW'(BANDS - 1);
  wire beyond = place >= LW'(LINE) || (read_last_band && 32'(row) >= LAST_ROWS);
  wire finished = read && band_ends;

  always @(posedge clk) begin
    if (rst) begin
      write_half <= 1'b0;
      write_at <= 0;
      write_band <= 0;
      held <= 0;
      read_half <= 1'b0;
      read_band <= 0;
      row <= 0;
      step <= 0;
      first <= 0;
      base <= 0;
      out_full <= 1'b0;
    end else begin
      if (write) write_at <= written ? 0 : write_at + 1'b1;
      if (written) begin
        write_half <= !write_half;
        write_band <= write_last_band ? 0 : write_band + 1'b1;
      end
      if (read) begin
        step <= run_ends ? 0 : step + 1'b1;
        if (run_ends) begin
          row  <= group_ends ? 0 : row + 1'b1;
          base <= group_ends ? 0 : base + AW'(LINE);
        end
        if (group_ends) first <= band_ends ? 0 : first + LW'(RUN);
        if (band_ends) begin
          read_half <= !read_half;
          read_band <= read_last_band ? 0 : read_band + 1'b1;
        end
      end
      held <= held + 2'(written) - 2'(finished);
      if (read) out_full <= 1'b1;
      else if (out_ready) out_full <= 1'b0;
    end
  end

  (* ram_style = "block" *)
  reg [B-1:0] memory[0:2*DEPTH-1];
  reg [B-1:0] q;
  wire [AW-1:0] write_address = (write_half ? AW'(DEPTH) : 0) + write_at;
  wire [AW-1:0] read_address = (read_half ? AW'(DEPTH) : 0) + base + AW'(place);
  always @(posedge clk) begin
    if (write) memory[write_address] <= in_data;
    if (read) q <= memory[read_address];
  end
  always @(posedge clk) if (read) outside <= beyond;
  assign out_valid = out_full;
  assign out_data  = outside ? 0 : q;
endmodule
`default_nettype wire
