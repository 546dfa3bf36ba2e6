// ap_int and ap_uint for C-simulation: the vendor's arithmetic on native integers.

#ifndef SQZ_FAST_AP_INT_H_
#define SQZ_FAST_AP_INT_H_

#if defined(__AP_INT_H__) || defined(__AP_FIXED_H__)
#error "the bundled ap types were included first; the folder fast_types must come before theirs"
#endif
// Headers beside the bundled ones include those by their own folder; they must stay empty.
#define __AP_INT_H__
#define __AP_FIXED_H__

// The bundled headers bring these in, and kernels lean on it.
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>

#include "sqz_operators.h"

#define AP_MAX(a, b) ((a) > (b) ? (a) : (b))
#define AP_MIN(a, b) ((a) < (b) ? (a) : (b))

template <int W> using ap_int = sqz_fast::Whole<W, true>;
template <int W> using ap_uint = sqz_fast::Whole<W, false>;

#endif
