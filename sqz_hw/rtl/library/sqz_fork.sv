// One stream to N sinks, in lock step: a word moves when every sink takes it.
// A sink's ready must not depend on its valid (none of this library's does).
`default_nettype none
module sqz_fork #(
    parameter int WIDTH = 8,
    parameter int N = 2
) (
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    output wire [N-1:0]     out_valid,
    input  wire [N-1:0]     out_ready,
    output wire [WIDTH-1:0] out_data
);
  assign in_ready  = &out_ready;
  assign out_valid = {N{in_valid && in_ready}};
  assign out_data  = in_data;
endmodule
`default_nettype wire
