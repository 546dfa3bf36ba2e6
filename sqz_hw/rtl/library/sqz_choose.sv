// One of N words: a tree of four-way choices, each of which fills a LUT of six inputs, and where the bits of
// `select` are odd in number, one of two at its end. What is chosen above N - 1 may be anything.
`default_nettype none
module sqz_choose #(
    parameter int WIDTH = 8,
    parameter int N = 4,
    parameter int SW = (N > 1) ? $clog2(N) : 1  // leave it
) (
    input  wire [SW-1:0]      select,
    input  wire [N*WIDTH-1:0] words,
    output wire [WIDTH-1:0]   word
);
  if (N == 1) begin : gen_one
    assign word = words;
    wire unused = &{1'b0, select};
  end else if (N == 2) begin : gen_two
    assign word = select[0] ? words[WIDTH+:WIDTH] : words[0+:WIDTH];
  end else begin : gen_several
    localparam int LEFT = (N + 3) / 4;
    localparam int LW = (LEFT > 1) ? $clog2(LEFT) : 1;
    wire [LEFT*WIDTH-1:0] chosen;
    for (genvar i = 0; i < LEFT; i++) begin : gen_choice
      localparam int MORE = (N - 4 * i < 4) ? N - 4 * i : 4;
      if (MORE > 2) begin : gen_four
        wire [4*WIDTH-1:0] four;
        for (genvar j = 0; j < 4; j++) begin : gen_word
          assign four[j*WIDTH+:WIDTH] = words[(4*i+((j<MORE)?j:MORE-1))*WIDTH+:WIDTH];
        end
        sqz_choose4 #(.WIDTH(WIDTH)) choose (
            .select(select[1:0]), .words(four), .word(chosen[i*WIDTH+:WIDTH])
        );
      end else begin : gen_few
        sqz_choose #(.WIDTH(WIDTH), .N(MORE)) choose (
            .select(select[0]), .words(words[4*i*WIDTH+:MORE*WIDTH]), .word(chosen[i*WIDTH+:WIDTH])
        );
      end
    end
    if (LEFT == 1) begin : gen_last
      assign word = chosen;
    end else begin : gen_next
      sqz_choose #(.WIDTH(WIDTH), .N(LEFT)) choose (
          .select(select[LW+1:2]), .words(chosen), .word(word)
      );
    end
  end
endmodule
`default_nettype wire
