// Conversion of codes from one fixed-point type to another: quantisation, then overflow.
//
// All that the types decide is decided when compiling: a conversion that loses nothing is a
// shift or nothing, one that wraps is two shifts more.

#ifndef SQZ_FAST_CONVERT_H_
#define SQZ_FAST_CONVERT_H_

#include "sqz_native.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace sqz_fast {

// What a conversion has to know of a type. A code counts units of 2**-fraction.
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O> struct Format {
    static_assert(W >= 1 && W + !S <= WIDEST, "a fast ap type must have 1 to 126 bits (125 if unsigned)");
    static_assert(I >= -512 && I <= 512, "a fast ap type must have -512 to 512 integer bits");
    static_assert(O != AP_WRAP_SM, "AP_WRAP_SM is not supported by the fast ap types");
    using Code = Storage<W, S>;
    static constexpr int width = W, integer = I, fraction = W - I;
    static constexpr int bits = W + !S; // of a signed integer that holds every code
    static constexpr bool is_signed = S;
    static constexpr ap_q_mode rounding = Q;
    static constexpr ap_o_mode overflow = O;
    static constexpr Wide largest = (Wide(1) << (W - S)) - 1;
    static constexpr Wide smallest = S ? -largest - 1 : 0;
    // The smallest that an overflow leaves alone; one bit has no symmetric range.
    static constexpr Wide lowest = O == AP_SAT_SYM && S && W > 1 ? -largest : smallest;
};

// Bring a whole number of the target's units into the target's range.
template <class To, class T> SQZ_INLINE typename To::Code fit(T value) {
    using Code = typename To::Code;
    if constexpr (To::overflow == AP_WRAP) {
        using Enough = std::conditional_t<(bits_of<T> >= To::width), T, Native<To::width>>;
        return wrap<To::width, To::is_signed>(Enough(value));
    } else {
        using Both = Native<larger(bits_of<T>, To::bits)>;
        const Both low = Both(To::lowest), high = Both(To::largest), whole = value;
        if constexpr (To::overflow == AP_SAT_ZERO)
            return Code(whole < low || whole > high ? Both(0) : whole);
        else
            return Code(whole > high ? high : whole < low ? low : whole);
    }
}

// A code of From as a code of To.
template <class To, class From> SQZ_INLINE typename To::Code recode(typename From::Code code) {
    using Code = typename To::Code;
    constexpr int drop = From::fraction - To::fraction;
    if constexpr (drop <= 0) {
        constexpr int up = -drop;
        using Both = Native<larger(From::bits, To::bits)>;
        // Shifted limits instead of a shifted code, which might not fit any integer.
        constexpr Wide low = -(-To::lowest >> smaller(up, 127)), high = To::largest >> smaller(up, 127);
        if constexpr (From::smallest >= low && From::largest <= high) {
            if constexpr (up >= bits_of<Both>) // then zero is the only code
                return Code(0);
            else
                return Code(Both(Unsigned<Both>(Both(code)) << up));
        } else if constexpr (To::overflow == AP_WRAP) {
            if constexpr (up >= To::width)
                return Code(0);
            else
                return wrap<To::width, To::is_signed>(Both(Unsigned<Both>(Both(code)) << up));
        } else {
            const Both value = code;
            if (value > Both(high))
                return To::overflow == AP_SAT_ZERO ? Code(0) : Code(To::largest);
            if (value < Both(low))
                return To::overflow == AP_SAT_ZERO ? Code(0) : Code(To::lowest);
            if constexpr (up >= bits_of<Both>)
                return Code(0);
            else
                return Code(Both(Unsigned<Both>(value) << up));
        }
    } else if constexpr (drop > From::bits) {
        // Every value is below half a unit.
        return To::rounding == AP_TRN && From::is_signed && code < 0 ? fit<To>(std::int32_t(-1)) : Code(0);
    } else {
        using More = Native<From::bits + 1>;
        const More rounded = round_off<To::rounding>(More(code), drop);
        constexpr Wide low = From::smallest >> drop, high = (From::largest >> drop) + (To::rounding != AP_TRN);
        if constexpr (low >= To::lowest && high <= To::largest)
            return Code(rounded);
        else
            return fit<To>(rounded);
    }
}

// A real number as a code of To. A double has 53 bits, so all of it is exact in 128.
template <class To> inline typename To::Code from_real(double real) {
    static_assert(To::width <= 64, "a type converted to from a real number must have at most 64 bits");
    if (!std::isfinite(real)) {
        std::fputs("fast ap types: an infinity or NaN cannot be converted to fixed point\n", stderr);
        std::abort();
    }
    int exponent;
    const std::int64_t mantissa = std::int64_t(std::ldexp(std::frexp(real, &exponent), 53));
    const int drop = 53 - exponent - To::fraction;
    if (drop > 0) // a larger shift than 60 rounds like 60: all is far below half a unit
        return fit<To>(round_off<To::rounding>(mantissa, smaller(drop, 60)));
    return fit<To>(Wide(UnsignedWide(Wide(mantissa)) << smaller(-drop, 64))); // 64: wraps to 0, saturates
}

} // namespace sqz_fast

#endif
