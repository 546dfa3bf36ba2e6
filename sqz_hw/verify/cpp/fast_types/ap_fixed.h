// ap_fixed and ap_ufixed for C-simulation: the vendor's arithmetic on native integers.

#ifndef SQZ_FAST_AP_FIXED_H_
#define SQZ_FAST_AP_FIXED_H_

#include "ap_int.h"

template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0>
using ap_fixed = sqz_fast::Number<W, I, true, Q, O, N, false>;
template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0>
using ap_ufixed = sqz_fast::Number<W, I, false, Q, O, N, false>;

#endif
