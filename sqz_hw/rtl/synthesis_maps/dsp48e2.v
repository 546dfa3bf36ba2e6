// Yosys techmap: a DSP48E1 as UltraScale's DSP48E2. Yosys packs registers and adder into the former only. What
// is packed there exists in the latter under the same names (UG479, UG579: registers A, B, M, P, the
// multiplexers X, Y, Z of OPMODE[6:0]); W, OPMODE[8:7], adds nothing. The multiplier's A grows from 25 to 27
// bits: the port's sign extension. With the pre-adder in use, whose multiplexers were renamed, nothing is mapped.
module DSP48E1 (
    output [29:0] ACOUT, output [17:0] BCOUT, output CARRYCASCOUT, output [3:0] CARRYOUT, output MULTSIGNOUT,
    output OVERFLOW, output [47:0] P, output PATTERNBDETECT, output PATTERNDETECT, output [47:0] PCOUT,
    output UNDERFLOW,
    input [29:0] A, input [29:0] ACIN, input [3:0] ALUMODE, input [17:0] B, input [17:0] BCIN, input [47:0] C,
    input CARRYCASCIN, input CARRYIN, input [2:0] CARRYINSEL, input CEA1, input CEA2, input CEAD,
    input CEALUMODE, input CEB1, input CEB2, input CEC, input CECARRYIN, input CECTRL, input CED,
    input CEINMODE, input CEM, input CEP, input CLK, input [24:0] D, input [4:0] INMODE, input MULTSIGNIN,
    input [6:0] OPMODE, input [47:0] PCIN, input RSTA, input RSTALLCARRYIN, input RSTALUMODE, input RSTB,
    input RSTC, input RSTCTRL, input RSTD, input RSTINMODE, input RSTM, input RSTP
);
  parameter integer ACASCREG = 1;
  parameter integer ADREG = 1;
  parameter integer ALUMODEREG = 1;
  parameter integer AREG = 1;
  parameter A_INPUT = "DIRECT";
  parameter integer BCASCREG = 1;
  parameter integer BREG = 1;
  parameter B_INPUT = "DIRECT";
  parameter integer CARRYINREG = 1;
  parameter integer CARRYINSELREG = 1;
  parameter integer CREG = 1;
  parameter integer DREG = 1;
  parameter integer INMODEREG = 1;
  parameter integer MREG = 1;
  parameter integer OPMODEREG = 1;
  parameter integer PREG = 1;
  parameter USE_DPORT = "FALSE";
  parameter USE_MULT = "MULTIPLY";
  parameter USE_SIMD = "ONE48";
  wire _TECHMAP_FAIL_ = USE_DPORT != "FALSE";
  DSP48E2 #(
      .ACASCREG(ACASCREG), .ADREG(ADREG), .ALUMODEREG(ALUMODEREG), .AMULTSEL("A"), .AREG(AREG),
      .A_INPUT(A_INPUT), .BCASCREG(BCASCREG), .BMULTSEL("B"), .BREG(BREG), .B_INPUT(B_INPUT),
      .CARRYINREG(CARRYINREG), .CARRYINSELREG(CARRYINSELREG), .CREG(CREG), .DREG(DREG), .INMODEREG(INMODEREG),
      .MREG(MREG), .OPMODEREG(OPMODEREG), .PREG(PREG), .USE_MULT(USE_MULT), .USE_SIMD(USE_SIMD)
  ) _TECHMAP_REPLACE_ (
      .ACOUT(ACOUT), .BCOUT(BCOUT), .CARRYCASCOUT(CARRYCASCOUT), .CARRYOUT(CARRYOUT),
      .MULTSIGNOUT(MULTSIGNOUT), .OVERFLOW(OVERFLOW), .P(P), .PATTERNBDETECT(PATTERNBDETECT),
      .PATTERNDETECT(PATTERNDETECT), .PCOUT(PCOUT), .UNDERFLOW(UNDERFLOW),
      .A(A), .ACIN(ACIN), .ALUMODE(ALUMODE), .B(B), .BCIN(BCIN), .C(C), .CARRYCASCIN(CARRYCASCIN),
      .CARRYIN(CARRYIN), .CARRYINSEL(CARRYINSEL), .CEA1(CEA1), .CEA2(CEA2), .CEAD(CEAD), .CEALUMODE(CEALUMODE),
      .CEB1(CEB1), .CEB2(CEB2), .CEC(CEC), .CECARRYIN(CECARRYIN), .CECTRL(CECTRL), .CED(CED),
      .CEINMODE(CEINMODE), .CEM(CEM), .CEP(CEP), .CLK(CLK), .D(27'd0), .INMODE(INMODE),
      .MULTSIGNIN(MULTSIGNIN), .OPMODE({2'b00, OPMODE}), .PCIN(PCIN), .RSTA(RSTA),
      .RSTALLCARRYIN(RSTALLCARRYIN), .RSTALUMODE(RSTALUMODE), .RSTB(RSTB), .RSTC(RSTC), .RSTCTRL(RSTCTRL),
      .RSTD(RSTD), .RSTINMODE(RSTINMODE), .RSTM(RSTM), .RSTP(RSTP)
  );
endmodule
