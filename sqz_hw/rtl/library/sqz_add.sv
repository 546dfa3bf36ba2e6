// Adds two streams on the finer of their grids and converts the sum once, exactly as the golden model: words
// of P unsigned pixels, U of them each clock. No ready in depends on out_ready: a long way for `ready` ends here.
`default_nettype none
module sqz_add #(
    parameter int P = 8,
    parameter int U = 2,
    parameter int A = 6,        // bits of the first stream's values
    parameter int A_UP = 0,     // bits they move up to the finer grid
    parameter int BB = 6,
    parameter int B_UP = 0,
    parameter int DROP = 1,
    parameter int ROUNDING = 2,
    parameter int OUT = 6,
    parameter bit SATURATE = 1
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             a_valid,
    output wire             a_ready,
    input  wire [P*A-1:0]   a_data,
    input  wire             b_valid,
    output wire             b_ready,
    input  wire [P*BB-1:0]  b_data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [P*OUT-1:0] out_data
);
  localparam int AT = A + A_UP;
  localparam int BT = BB + B_UP;
  localparam int TOTAL = ((AT > BT) ? AT : BT) + 2;
  localparam int KEPT = TOTAL - DROP + 1;
  localparam int STEPS = P / U;
  localparam int GW = (STEPS > 1) ? $clog2(STEPS) : 1;

  // Each side is a register that shifts out U pixels a clock.
  reg [P*A-1:0] a_word;
  reg [P*BB-1:0] b_word;
  reg busy;
  reg [GW-1:0] step;
  wire held;  // no room for a word
  wire last;  // of a word's steps
  wire go = busy && !(last && held);
  wire made = go && last;
  wire free;  // two words may come: from a register where there are several steps, since ready goes far upstream
  wire both = a_valid && b_valid && free;
  assign a_ready = b_valid && free;
  assign b_ready = a_valid && free;

  wire [U*OUT-1:0] values;
  for (genvar u = 0; u < U; u++) begin : gen_unit
    wire [AT-1:0] a = AT'(a_word[u*A+:A]) << A_UP;
    wire [BT-1:0] b = BT'(b_word[u*BB+:BB]) << B_UP;
    wire signed [TOTAL-1:0] sum = $signed(TOTAL'(a) + TOTAL'(b));
    wire signed [KEPT-1:0] rounded;
    sqz_round #(
        .IN(TOTAL), .DROP(DROP), .ROUNDING(ROUNDING), .OUT(OUT), .OUT_SIGNED(1'b0), .SATURATE(SATURATE)
    ) round (
        .value(sum), .rounded(rounded), .held(rounded), .out(values[u*OUT+:OUT])
    );
  end

  reg [P*OUT-1:0] parts;
  wire [P*OUT-1:0] shifted;
  if (STEPS == 1) begin : gen_one
    assign last = 1'b1;
    assign free = !busy || !held;
    assign shifted = values;
    wire unused = &{1'b0, parts};
  end else begin : gen_several
    reg at_last, is_free;
    wire last_next = go ? step == GW'(STEPS - 2) : at_last;
    wire held_next = made || (held && !out_ready);
    wire busy_next = both || (busy && !made);
    assign last = at_last;
    assign free = is_free;
    always @(posedge clk) begin
      at_last <= !rst && last_next;
      is_free <= rst || !busy_next || (last_next && !held_next);
    end
    assign shifted = {values, parts[P*OUT-1:U*OUT]};
    wire unused = &{1'b0, parts[U*OUT-1:0]};
  end
  if (STEPS == 1) begin : gen_spare
    wire room;
    assign held = !room;
    sqz_spare #(.WIDTH(P * OUT)) buffer (
        .clk(clk), .rst(rst), .made(made), .room(room), .data(shifted),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
    );
  end else begin : gen_alone
    // The word before has left by then, if it may: no clock is lost.
    reg [P*OUT-1:0] word;
    reg full;
    assign held = full;
    assign out_valid = full;
    assign out_data = word;
    always @(posedge clk) if (made) word <= shifted;
    always @(posedge clk) begin
      if (rst) full <= 1'b0;
      else if (made) full <= 1'b1;
      else if (out_ready) full <= 1'b0;
    end
  end
  always @(posedge clk) begin
    if (both) begin
      a_word <= a_data;
      b_word <= b_data;
    end else if (go) begin
      a_word <= a_word >> (U * A);
      b_word <= b_word >> (U * BB);
    end
    if (go) parts <= shifted;
  end
  always @(posedge clk) begin
    if (rst) begin
      busy <= 1'b0;
      step <= 0;
    end else begin
      if (both) busy <= 1'b1;
      else if (go && last) busy <= 1'b0;
      if (go) step <= last ? 0 : step + 1'b1;
    end
  end
endmodule
`default_nettype wire
