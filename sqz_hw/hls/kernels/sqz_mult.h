#ifndef SQZ_MULT_H_
#define SQZ_MULT_H_

#include "nnet_mult.h"

// Products whose place is decided: DSP slices, or LUTs. Which one a tool chooses by itself
// depends on its version and on the widths of both operands.
// Vitis HLS: UG1399, "pragma HLS BIND_OP". Vivado HLS: UG902, "pragma HLS resource".

namespace nnet {

namespace product {

template <class x_T, class w_T> class mult_dsp : public Product {
  public:
    static auto product(x_T a, w_T w) -> decltype(a * w) {
        #pragma HLS INLINE
        decltype(a * w) p = a * w;
#ifdef __VITIS_HLS__
        #pragma HLS BIND_OP variable=p op=mul impl=dsp
#else
        #pragma HLS RESOURCE variable=p core=DSP48
#endif
        return p;
    }
};

template <class x_T, class w_T> class mult_lut : public Product {
  public:
    static auto product(x_T a, w_T w) -> decltype(a * w) {
        #pragma HLS INLINE
        decltype(a * w) p = a * w;
#ifdef __VITIS_HLS__
        #pragma HLS BIND_OP variable=p op=mul impl=fabric
#else
        #pragma HLS RESOURCE variable=p core=Mul_LUT
#endif
        return p;
    }
};

} // namespace product

} // namespace nnet

#endif
