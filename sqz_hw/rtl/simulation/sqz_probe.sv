// For simulation only: writes each word of a stream to a file, hexadecimal, one a line.
`default_nettype none
module sqz_probe #(
    parameter int WIDTH = 8,
    parameter     FILE = "stream.probe"
) (
    input wire             clk,
    input wire             move,
    input wire [WIDTH-1:0] data
);
  int file;
  initial file = $fopen(FILE, "w");
  always @(posedge clk) if (move) $fwrite(file, "%0h\n", data);
  final $fclose(file);
endmodule
`default_nettype wire
