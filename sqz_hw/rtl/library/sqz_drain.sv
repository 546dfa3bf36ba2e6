// Takes the P sums of a finished row through Q requantisers, P / Q clocks a row, and joins the results to
// a word of P pixels. Biases by row from FILE (.mem, hexadecimal).
`default_nettype none
module sqz_drain #(
    parameter int P = 8,
    parameter int Q = 2,
    parameter int ROWS = 64,
    parameter int SUM = 17,
    parameter int UP = 0,
    parameter int BIAS = 12,
    parameter int TOTAL = 18,
    parameter int DROP = 8,
    parameter int ROUNDING = 2,
    parameter int OUT = 6,
    parameter bit OUT_SIGNED = 0,
    parameter bit SATURATE = 1,
    parameter     FILE = "bias.mem"
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             captured,
    input  wire [P*SUM-1:0] sums,
    input  wire [P-1:0]     carry,
    output wire             out_valid,  // pulse
    output wire [P*OUT-1:0] out_data
);
  localparam int GROUPS = P / Q;
  localparam int GW = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  localparam int RW = (ROWS > 1) ? $clog2(ROWS) : 1;
  reg busy;
  reg [GW-1:0] count;
  wire now = captured || busy;
  wire [GW-1:0] group = captured ? 0 : count;
  wire last = now && group == GW'(GROUPS - 1);
  reg [RW-1:0] row;
  wire signed [BIAS-1:0] bias;
  reg [3:0] last_at;
  reg [2:0] now_at;

  always @(posedge clk) begin
    if (rst) begin
      busy <= 1'b0;
      count <= 0;
      row <= 0;
      last_at <= 0;
      now_at <= 0;
    end else begin
      busy <= now && !last;
      count <= group + 1'b1;
      if (last) row <= (row == RW'(ROWS - 1)) ? 0 : row + 1'b1;
      last_at <= {last_at[2:0], last};
      now_at <= {now_at[1:0], now};
    end
  end
  sqz_table #(.WIDTH(BIAS), .WORDS(ROWS), .FILE(FILE)) biases (
      .clk(clk), .rst(1'b0), .en(1'b1), .address(row), .data(bias)
  );

  wire [Q*OUT-1:0] values;
  for (genvar q = 0; q < Q; q++) begin : gen_unit
    wire [GROUPS*SUM-1:0] own;
    wire [GROUPS-1:0] own_carry;
    for (genvar g = 0; g < GROUPS; g++) begin : gen_sum
      assign own[g*SUM+:SUM] = sums[(g*Q+q)*SUM+:SUM];
      assign own_carry[g] = carry[g*Q+q];
    end
    wire signed [SUM-1:0] sum;
    wire lost;
    sqz_choose #(.WIDTH(SUM), .N(GROUPS)) choose (.select(group), .words(own), .word(sum));
    sqz_choose #(.WIDTH(1), .N(GROUPS)) choose_carry (.select(group), .words(own_carry), .word(lost));
    sqz_requantise #(
        .SUM(SUM), .UP(UP), .BIAS(BIAS), .TOTAL(TOTAL), .DROP(DROP), .ROUNDING(ROUNDING), .OUT(OUT),
        .OUT_SIGNED(OUT_SIGNED), .SATURATE(SATURATE)
    ) requantise (
        .clk(clk), .sum(sum), .carry(lost), .bias(bias), .out(values[q*OUT+:OUT])
    );
  end

  reg [P*OUT-1:0] word;
  if (GROUPS == 1) begin : gen_whole
    always @(posedge clk) if (now_at[2]) word <= values;
  end else begin : gen_shift
    always @(posedge clk) if (now_at[2]) word <= {values, word[P*OUT-1:Q*OUT]};
  end
  assign out_valid = last_at[3];
  assign out_data  = word;
endmodule
`default_nettype wire
