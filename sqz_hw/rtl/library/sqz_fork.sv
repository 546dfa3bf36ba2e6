// One stream to N sinks, in lock step: a word moves when every sink takes it; the data need no module.
// A sink's ready must not depend on its valid (none of this library's does).
`default_nettype none
module sqz_fork #(
    parameter int N = 2
) (
    input  wire         in_valid,
    output wire         in_ready,
    output wire [N-1:0] out_valid,
    input  wire [N-1:0] out_ready
);
  assign in_ready  = &out_ready;
  assign out_valid = {N{in_valid && in_ready}};
endmodule
`default_nettype wire
