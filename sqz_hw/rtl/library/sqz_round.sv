// The end of a fixed-point conversion, as the golden model has it: drop DROP bits (or append
// -DROP zeros), round (0 TRN: floor, 1 RND: half up, 2 RND_CONV: half to even), then saturate (SATURATE)
// or wrap into OUT bits, signed or not. Two steps, so that a register may stand between them.
`default_nettype none
module sqz_round #(
    parameter int IN = 18,       // bits of the signed value
    parameter int DROP = 8,
    parameter int ROUNDING = 2,
    parameter int OUT = 6,
    parameter bit OUT_SIGNED = 0,
    parameter bit SATURATE = 1,
    parameter int KEPT = IN - DROP + 1  // bits between the steps; leave it
) (
    input  wire signed [IN-1:0]   value,
    output wire signed [KEPT-1:0] rounded,   // of `value`
    input  wire signed [KEPT-1:0] held,      // `rounded`, possibly a register later
    output wire        [OUT-1:0]  out        // of `held`
);
  if (DROP > 0) begin : gen_drop
    wire up;
    if (ROUNDING == 0) begin : gen_floor
      assign up = 1'b0;
    end else if (ROUNDING == 1) begin : gen_half_up
      assign up = value[DROP-1];
    end else begin : gen_even
      wire low;
      if (DROP > 1) begin : gen_low
        assign low = |value[DROP-2:0];
      end else begin : gen_no_low
        assign low = 1'b0;
      end
      assign up = value[DROP-1] && (low || value[DROP]);
    end
    assign rounded = {value[IN-1], value[IN-1:DROP]} + {{(KEPT - 1) {1'b0}}, up};
    if (ROUNDING == 0) begin : gen_unused
      wire unused = &{1'b0, value[DROP-1:0]};
    end
  end else if (DROP == 0) begin : gen_copy
    assign rounded = {value[IN-1], value};
  end else begin : gen_append
    assign rounded = {value[IN-1], value, {(-DROP) {1'b0}}};
  end

  // Bits above the result must all equal its sign (signed) or be zero (unsigned).
  localparam int TOP = OUT_SIGNED ? OUT - 1 : OUT;  // first bit that is no payload
  if (KEPT <= TOP) begin : gen_widen
    if (OUT_SIGNED) begin : gen_signed
      assign out = OUT'(held);
    end else begin : gen_unsigned
      assign out = (SATURATE && held[KEPT-1]) ? {OUT{1'b0}} : OUT'(held);
    end
  end else if (!SATURATE) begin : gen_wrap
    assign out = held[OUT-1:0];
    if (KEPT > OUT) begin : gen_unused_top
      wire unused = &{1'b0, held[KEPT-1:OUT]};
    end
  end else begin : gen_saturate
    wire negative = held[KEPT-1];
    wire over;
    assign over = negative ? !(&held[KEPT-1:TOP]) : |held[KEPT-1:TOP];
    if (OUT_SIGNED) begin : gen_signed
      assign out = over ? {negative, {(OUT - 1) {!negative}}} : held[OUT-1:0];
    end else begin : gen_unsigned
      assign out = negative ? {OUT{1'b0}} : over ? {OUT{1'b1}} : held[OUT-1:0];
    end
  end
endmodule
`default_nettype wire
