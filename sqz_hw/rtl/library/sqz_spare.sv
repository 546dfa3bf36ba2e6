// The end of a module that may make a word each clock: a register for the word and a second one, for what is
// made while the first learns that it may not leave. What `room` says comes from a register: a long way for
// `ready` ends here. `made` only with `room`.
`default_nettype none
module sqz_spare #(
    parameter int WIDTH = 8
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             made,
    output wire             room,
    input  wire [WIDTH-1:0] data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [WIDTH-1:0] out_data
);
  reg [WIDTH-1:0] word, spare;
  reg full, waits;
  wire next = !full || out_ready;
  assign room = !waits;
  assign out_valid = full;
  assign out_data = word;
  always @(posedge clk) begin
    if (next) word <= waits ? spare : data;
    if (!waits) spare <= data;
  end
  always @(posedge clk) begin
    if (rst) begin
      full  <= 1'b0;
      waits <= 1'b0;
    end else if (next) begin
      full  <= made || waits;
      waits <= 1'b0;
    end else if (made) waits <= 1'b1;
  end
endmodule
`default_nettype wire
