// Native integers for values of a known number of bits: what the fast ap types compute in.
//
// These headers stand in for the vendor's ap_int.h and ap_fixed.h in C-simulation. They are
// written from UG1399, "Arbitrary Precision Data Types"; tests/verify/test_fast_types.py holds
// them against the library that hls4ml bundles. What they do not do the library's way, they
// refuse to compile.

#ifndef SQZ_FAST_NATIVE_H_
#define SQZ_FAST_NATIVE_H_

#include <cstdint>
#include <type_traits>

// Even at -O1, where g++ inlines little of its own accord: every operation is a few instructions.
#define SQZ_INLINE inline __attribute__((always_inline))

enum ap_q_mode { AP_RND, AP_RND_ZERO, AP_RND_MIN_INF, AP_RND_INF, AP_RND_CONV, AP_TRN, AP_TRN_ZERO };
enum ap_o_mode { AP_SAT, AP_SAT_ZERO, AP_SAT_SYM, AP_WRAP, AP_WRAP_SM };

namespace sqz_fast {

using Wide = __int128;
using UnsignedWide = unsigned __int128;

const int WIDEST = 126; // Signed bits; two less than there are, so that sums of limits cannot overflow.

constexpr int larger(int a, int b) { return a > b ? a : b; }
constexpr int smaller(int a, int b) { return a < b ? a : b; }

// The type to compute in: signed, at least `bits` wide and never narrower than a register, since
// C++ would widen it anyway.
template <int bits> struct native {
    static_assert(bits <= 128, "a value of the fast ap types must fit a 128-bit integer");
    using type = std::conditional_t<bits <= 32, std::int32_t, std::conditional_t<bits <= 64, std::int64_t, Wide>>;
};
template <int bits> using Native = typename native<bits>::type;

template <class T> struct unsigned_of : std::make_unsigned<T> {};
template <> struct unsigned_of<Wide> {
    using type = UnsignedWide;
};
template <class T> using Unsigned = typename unsigned_of<T>::type;

// The type to store in: as narrow as there is, for more values a cache line and a vector.
template <int width, bool is_signed> struct storage {
    using narrow = std::conditional_t<width <= 8, std::int8_t, std::int16_t>;
    using type_signed = std::conditional_t<width <= 16, narrow, Native<width>>;
    using type = std::conditional_t<is_signed, type_signed, Unsigned<type_signed>>;
};
template <int width, bool is_signed> using Storage = typename storage<width, is_signed>::type;

template <class T> constexpr int bits_of = int(sizeof(T) * 8);

// The low `width` bits of a value, read as a number of that many bits.
template <int width, bool is_signed, class T> SQZ_INLINE Storage<width, is_signed> wrap(T value) {
    static_assert(bits_of<T> >= 32 && bits_of<T> >= width, "nothing may be lost before it is wrapped");
    const int spare = bits_of<T> - width;
    const Unsigned<T> up = Unsigned<T>(value) << spare;
    if constexpr (is_signed)
        return Storage<width, is_signed>(T(up) >> spare);
    else
        return Storage<width, is_signed>(up >> spare);
}

// value * 2**-drop as a whole number; 0 < drop <= bits, where the value has `bits` signed bits
// and T one more. Adding before an arithmetic shift (a floor) gives each mode its ties.
template <ap_q_mode mode, class T> SQZ_INLINE T round_off(T value, int drop) {
    const T half = T(1) << (drop - 1);
    if constexpr (mode == AP_TRN)
        return value >> drop;
    else if constexpr (mode == AP_TRN_ZERO)
        return (value + (value < 0 ? half + (half - 1) : 0)) >> drop;
    else if constexpr (mode == AP_RND)
        return (value + half) >> drop;
    else if constexpr (mode == AP_RND_MIN_INF)
        return (value + (half - 1)) >> drop;
    else if constexpr (mode == AP_RND_ZERO)
        return (value + (half - 1) + (value < 0)) >> drop;
    else if constexpr (mode == AP_RND_INF)
        return (value + half - (value < 0)) >> drop;
    else {
        static_assert(mode == AP_RND_CONV, "a quantisation mode must be one of UG1399's");
        return (value + (half - 1) + ((value >> drop) & 1)) >> drop;
    }
}

} // namespace sqz_fast

#endif
