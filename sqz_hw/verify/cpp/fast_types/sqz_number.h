// The number type behind ap_int, ap_uint, ap_fixed and ap_ufixed.
//
// It holds its code in a native integer that is always in range, so a load needs no masking.

#ifndef SQZ_FAST_NUMBER_H_
#define SQZ_FAST_NUMBER_H_

#include "sqz_convert.h"
#include "sqz_slices.h"

#include <istream>

namespace sqz_fast {

// W bits, I of them before the binary point, signed or not, with the modes that take effect when
// a value is converted to it. `whole` is true for ap_int and ap_uint. N is UG1399's number of
// saturation bits in wrap modes.
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N, bool whole> struct Number;

template <class T> struct is_number : std::false_type {};
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N, bool whole>
struct is_number<Number<W, I, S, Q, O, N, whole>> : std::true_type {};

template <int W, int I, bool S> using Fixed = Number<W, I, S, AP_TRN, AP_WRAP, 0, false>;
// A fixed-point number turns into an ap_int as a double turns into an int: towards zero.
template <int W, bool S> using Whole = Number<W, W, S, AP_TRN_ZERO, AP_WRAP, 0, true>;

// Built-in integers and the unscoped enumerations that C++ would promote to one.
template <class T>
constexpr bool is_builtin = std::is_integral_v<T> || (std::is_enum_v<T> && std::is_convertible_v<T, long long>);
template <class T> struct builtin {
    using integer = std::conditional_t<std::is_enum_v<T>, int, T>;
    static_assert(sizeof(T) <= sizeof(integer) && sizeof(T) <= 8, "a built-in integer must have at most 64 bits");
    static constexpr int width = std::is_same_v<integer, bool> ? 1 : bits_of<integer>;
    using number = Whole<width, std::is_signed_v<integer>>;
};

// An ap_int turns into a built-in integer of 64 bits, and from there into any.
template <class T, bool whole, bool is_signed> struct ToBuiltin {};
template <class T, bool is_signed> struct ToBuiltin<T, true, is_signed> {
    SQZ_INLINE operator std::conditional_t<is_signed, long long, unsigned long long>() const {
        static_assert(T::width <= 64, "an ap_int of more than 64 bits cannot be converted to a built-in integer");
        return static_cast<const T &>(*this).code;
    }
};

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N, bool whole>
struct Number : ToBuiltin<Number<W, I, S, Q, O, N, whole>, whole, S> {
    static_assert(N == 0, "saturation bits in wrap modes are not supported by the fast ap types");
    using Form = Format<W, I, S, Q, O>;
    using Code = typename Form::Code;
    static constexpr int width = W;
    static constexpr int iwidth = I;
    static constexpr ap_q_mode qmode = Q;
    static constexpr ap_o_mode omode = O;
    static constexpr bool is_whole = whole;

    Code code = 0; // the library's is whatever was there; zero is at least the same every time

    Number() = default;

    template <int W2, int I2, bool S2, ap_q_mode Q2, ap_o_mode O2, int N2, bool whole2>
    SQZ_INLINE Number(const Number<W2, I2, S2, Q2, O2, N2, whole2> &other)
        : code(recode<Form, typename Number<W2, I2, S2, Q2, O2, N2, whole2>::Form>(other.code)) {
        // The library counts up to a single bit here, and makes -1 of -0.5.
        static_assert(!whole || whole2 || !S2 || I2 > 0,
                      "a signed type without integer bits cannot be converted to an integer");
    }

    template <class T, std::enable_if_t<is_builtin<T>, int> = 0>
    SQZ_INLINE Number(T value) : code(recode<Form, typename builtin<T>::number::Form>(value)) {}

    template <class T, std::enable_if_t<std::is_same_v<T, double> || std::is_same_v<T, float>, int> = 0>
    Number(T value) : code(from_real<Form>(value)) {
        // The library makes 1 of ap_int<8>(-0.25).
        static_assert(!whole, "an ap_int cannot be made from a real number; convert it to an integer first");
    }

    template <class T> SQZ_INLINE Number(const Slice<T> &slice) : Number(slice.to_uint64()) {}
    template <class T> SQZ_INLINE Number(const Bit<T> &bit) : Number(bool(bit)) {}

    // A code as it is; the caller knows that it is in range.
    template <class T> static SQZ_INLINE Number of(T code) {
        Number made;
        made.code = Code(code);
        return made;
    }

    // The whole part, cut off towards zero.
    SQZ_INLINE auto integer() const {
        static_assert(I <= 64, "a type with more than 64 integer bits cannot be converted to an integer");
        return Whole<larger(I, 1), S>(*this).code;
    }
    SQZ_INLINE int to_int() const { return int(integer()); }
    SQZ_INLINE unsigned to_uint() const { return unsigned(integer()); }
    SQZ_INLINE long long to_int64() const { return (long long)integer(); }
    SQZ_INLINE unsigned long long to_uint64() const { return (unsigned long long)integer(); }

    double to_double() const {
        static_assert(W <= 64, "a type converted to a real number must have at most 64 bits");
        return std::ldexp(double(code), I - W); // one rounding, to even
    }
    float to_float() const {
        static_assert(W <= 64 && I <= 127 && I - W > -126, "a float cannot hold values of this type");
        return std::ldexp(float(code), I - W);
    }

    // Fixed point turns into whatever built-in type is asked for.
    template <class T, std::enable_if_t<!whole && std::is_arithmetic_v<T>, int> = 0> SQZ_INLINE operator T() const {
        if constexpr (std::is_same_v<T, bool>)
            return code != 0;
        else if constexpr (std::is_same_v<T, float>)
            return to_float();
        else if constexpr (std::is_floating_point_v<T>)
            return T(to_double());
        else
            return T(integer());
    }

    SQZ_INLINE Slice<Number> range(int high, int low) { return {*this, high, low}; }
    SQZ_INLINE Slice<const Number> range(int high, int low) const { return {*this, high, low}; }
    SQZ_INLINE Slice<Number> range() { return {*this, W - 1, 0}; }
    SQZ_INLINE Slice<const Number> range() const { return {*this, W - 1, 0}; }
    SQZ_INLINE Slice<Number> operator()(int high, int low) { return {*this, high, low}; }
    SQZ_INLINE Slice<const Number> operator()(int high, int low) const { return {*this, high, low}; }
    SQZ_INLINE Bit<Number> operator[](int index) { return {*this, index}; }
    SQZ_INLINE bool operator[](int index) const { return range(index, index).to_uint64() != 0; }

    SQZ_INLINE int length() const { return W; }
    SQZ_INLINE bool operator!() const { return code == 0; }
    SQZ_INLINE Number operator+() const { return *this; }
    SQZ_INLINE auto operator~() const {
        using Calc = Native<Form::bits>;
        using Plain = std::conditional_t<whole, Whole<W, S>, Fixed<W, I, S>>;
        return Plain::of(wrap<W, S>(Calc(~Calc(code))));
    }

    // A shift keeps the type: bits fall off both ends, no mode takes effect (UG1399).
    SQZ_INLINE Number shifted_up(unsigned by) const {
        using Calc = Native<Form::bits>;
        return of(by >= unsigned(W) ? Code(0) : wrap<W, S>(Calc(Unsigned<Calc>(Calc(code)) << by)));
    }
    SQZ_INLINE Number shifted_down(unsigned by) const {
        return of(by >= unsigned(W) ? Code(S && code < 0 ? -1 : 0) : Code(code >> by));
    }
};

// Weights are read from text this way.
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N>
std::istream &operator>>(std::istream &in, Number<W, I, S, Q, O, N, false> &number) {
    double real = 0;
    in >> real;
    number = real;
    return in;
}

} // namespace sqz_fast

#endif
