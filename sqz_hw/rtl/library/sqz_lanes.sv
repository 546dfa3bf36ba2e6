// P multiply-accumulate lanes that share one weight. With PACK, two neighbouring lanes share one DSP:
// (pixel 1 << SPLIT | pixel 0) * weight adds both sums in one register; the lower one must stay within
// SPLIT bits (proven for every row when the design is generated), and a negative lower sum has borrowed
// one from the upper, which `carry` gives back.
// With LUTS, products are built of LUTs: of the weight's magnitude, which all lanes share; its sign adds or subtracts.
// `pixels` comes three clocks after weight, first and capture (they are delayed here).
`default_nettype none
module sqz_lanes #(
    parameter int P = 8,
    parameter int B = 6,        // bits of a pixel, unsigned
    parameter int VALUE = 6,    // bits of a weight, signed
    parameter int SUM = 17,     // bits of a sum, signed
    parameter int PACK = 1,
    parameter int SPLIT = 18,
    parameter int LUTS = 0,
    parameter int MAGNITUDE = VALUE  // bits of the largest weight without its sign
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire signed [VALUE-1:0] weight,   // 0 in a clock without an entry
    input  wire                    first,    // this product begins a sum
    input  wire                    capture,  // the sums before this product are complete
    input  wire [P*B-1:0]          pixels,
    output reg                     captured, // pulse: sums are new
    output wire [P*SUM-1:0]        sums,     // stay until the next capture
    output wire [P-1:0]            carry
);
  // SUM bits are proven to hold every sum, so a product's copies of its sign above them may go unused.
  /* verilator lint_off UNUSEDSIGNAL */
  reg signed [VALUE-1:0] weight1, weight2, weight3;
  reg [3:0] first_at, capture_at;  // 0..2: beside the buffer's clocks; 3: beside the product
  always @(posedge clk) begin
    weight1 <= weight;
    weight2 <= weight1;
    weight3 <= weight2;
    first_at <= {first_at[2:0], first};
  end
  always @(posedge clk) begin
    if (rst) begin
      capture_at <= 0;
      captured <= 1'b0;
    end else begin
      capture_at <= {capture_at[2:0], capture};
      captured <= (LUTS != 0) ? capture_at[2] : capture_at[3];
    end
  end

  if (PACK != 0) begin : gen_packed
    for (genvar d = 0; d < P / 2; d++) begin : gen_pair
      wire signed [SPLIT+B:0] both = $signed(
          {1'b0, pixels[(2*d+1)*B+:B], {(SPLIT - B) {1'b0}}, pixels[2*d*B+:B]}
      );
      reg signed [SPLIT+B+VALUE:0] product;
      reg signed [SPLIT+SUM-1:0] total;
      reg signed [SUM-1:0] low, high;
      always @(posedge clk) begin
        product <= both * weight3;
        total <= (first_at[3] ? $signed({(SPLIT + SUM) {1'b0}}) : total) + (SPLIT + SUM)'(product);
        if (capture_at[3]) begin
          low  <= total[SUM-1:0];
          high <= total[SPLIT+SUM-1:SPLIT];
        end
      end
      assign sums[2*d*SUM+:2*SUM] = {high, low};
      assign carry[2*d+:2] = {low[SUM-1], 1'b0};
    end
  end else if (LUTS != 0) begin : gen_luts
    wire [VALUE-1:0] size = weight2[VALUE-1] ? -weight2 : weight2;
    reg [MAGNITUDE-1:0] magnitude3;
    reg negative3, negative4;
    always @(posedge clk) begin
      magnitude3 <= size[MAGNITUDE-1:0];
      negative3  <= weight2[VALUE-1];
      negative4  <= negative3;
    end
    for (genvar l = 0; l < P; l++) begin : gen_lane
      wire [B+MAGNITUDE-1:0] made;
      reg [B+MAGNITUDE-1:0] product;
      reg [SUM-1:0] total, held;  // a sum is taken as it gets its last product, and the next begins with nothing
      sqz_product #(.B(B), .M(MAGNITUDE)) multiply (
          .pixel(pixels[l*B+:B]), .magnitude(magnitude3), .product(made)
      );
      // One bit more below carries the one that a subtraction adds.
      wire [SUM:0] next = {total, 1'b1} + {SUM'(product) ^ {SUM{negative4}}, negative4};
      always @(posedge clk) begin
        product <= made;
        if (capture_at[2]) held <= next[SUM:1];
      end
      always @(posedge clk) begin
        if (first_at[2]) total <= 0;
        else total <= next[SUM:1];
      end
      assign sums[l*SUM+:SUM] = held;
      assign carry[l] = 1'b0;
    end
  end else begin : gen_single
    for (genvar l = 0; l < P; l++) begin : gen_lane
      reg signed [B+VALUE:0] product;
      reg signed [SUM-1:0] total, held;
      wire signed [B:0] pixel = $signed({1'b0, pixels[l*B+:B]});
      always @(posedge clk) begin
        product <= pixel * weight3;
        total <= (first_at[3] ? $signed({SUM{1'b0}}) : total) + SUM'(product);
        if (capture_at[3]) held <= total;
      end
      assign sums[l*SUM+:SUM] = held;
      assign carry[l] = 1'b0;
    end
  end
  /* verilator lint_on UNUSEDSIGNAL */
endmodule
`default_nettype wire
