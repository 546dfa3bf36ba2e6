// Arithmetic and comparisons. Results have the types of UG1399, which hold every exact result.

#ifndef SQZ_FAST_OPERATORS_H_
#define SQZ_FAST_OPERATORS_H_

#include "sqz_number.h"

namespace sqz_fast {

template <class T> constexpr bool is_operand = is_number<T>::value || is_builtin<T>;
template <class A, class B>
using Operands = std::enable_if_t<is_operand<A> && is_operand<B> && (is_number<A>::value || is_number<B>::value), int>;

// An operand as a number: a built-in integer is an ap_int of as many bits.
template <class T> SQZ_INLINE auto lift(const T &operand) {
    if constexpr (is_number<T>::value)
        return operand;
    else
        return builtin<T>::number::of(operand);
}
template <class T> using Lifted = decltype(lift(std::declval<const T &>()));

template <class A, class B, int W, int I, bool S>
using Result = std::conditional_t<A::is_whole && B::is_whole, Whole<W, S>, Fixed<W, I, S>>;

// Where two operands meet: the finer fraction, and integer bits for both.
template <class A, class B> struct Aligned {
    static constexpr bool sa = A::Form::is_signed, sb = B::Form::is_signed;
    static constexpr int fraction = larger(A::Form::fraction, B::Form::fraction);
    static constexpr int up_a = fraction - A::Form::fraction, up_b = fraction - B::Form::fraction;
    static constexpr int integer = larger(A::iwidth + (sb && !sa), B::iwidth + (sa && !sb));
    static constexpr int bits = larger(A::Form::bits + up_a, B::Form::bits + up_b);
    using Logic = Result<A, B, integer + fraction, integer, sa || sb>;
    using Plus = Result<A, B, integer + 1 + fraction, integer + 1, sa || sb>;
    using Minus = Result<A, B, integer + 1 + fraction, integer + 1, true>;
};

// A code in units of 2**-(fraction + up); the type given has room for it.
template <class Calc, int up, class T> SQZ_INLINE Calc raised(const T &number) {
    return Calc(Unsigned<Calc>(Calc(number.code)) << up);
}

template <class A, class B> SQZ_INLINE auto add(const A &a, const B &b) {
    using Meet = Aligned<A, B>;
    using Calc = Native<Meet::Plus::Form::bits>;
    return Meet::Plus::of(raised<Calc, Meet::up_a>(a) + raised<Calc, Meet::up_b>(b));
}
template <class A, class B> SQZ_INLINE auto subtract(const A &a, const B &b) {
    using Meet = Aligned<A, B>;
    using Calc = Native<Meet::Minus::Form::bits>;
    return Meet::Minus::of(raised<Calc, Meet::up_a>(a) - raised<Calc, Meet::up_b>(b));
}
template <class A, class B> SQZ_INLINE auto multiply(const A &a, const B &b) {
    using To = Result<A, B, A::width + B::width, A::iwidth + B::iwidth, A::Form::is_signed || B::Form::is_signed>;
    using Calc = Native<To::Form::bits>;
    return To::of(Calc(a.code) * Calc(b.code));
}
// The dividend gets the divisor's fraction on top of its own; the quotient is cut towards zero.
// The library divides in the wider operand's bits, which do not hold the most negative code over
// -1: that quotient alone wraps, for fixed point.
template <class A, class B> SQZ_INLINE auto divide(const A &a, const B &b) {
    constexpr int fraction = B::Form::fraction, up = larger(fraction, 0);
    constexpr bool sa = A::Form::is_signed, sb = B::Form::is_signed;
    using To = Result<A, B, sb + A::width + up, sb + A::iwidth + fraction, sa || sb>;
    static_assert(!To::is_whole || sa == sb, "integers divide if both are signed or both unsigned, as in %");
    constexpr int inner = larger(A::width + up + (sb && !sa), B::width + (sa && !sb));
    using Calc = Native<larger(larger(A::Form::bits + up, B::Form::bits) + 1, larger(To::width, inner))>;
    const Calc quotient = raised<Calc, up>(a) / Calc(b.code);
    if constexpr (To::is_whole)
        return To::of(wrap<To::width, sa || sb>(quotient));
    else
        return To::of(wrap<To::width, sa || sb>(Calc(wrap<inner, sa || sb>(quotient))));
}
template <class A, class B> SQZ_INLINE auto remainder(const A &a, const B &b) {
    static_assert(A::is_whole && B::is_whole, "% is for ap_int and ap_uint");
    constexpr bool sa = A::Form::is_signed;
    // The library takes the signed one's bits for an unsigned number.
    static_assert(sa == B::Form::is_signed, "% is for two signed or two unsigned integers");
    using To = Whole<smaller(A::width, B::width), sa>;
    using Calc = Native<larger(A::Form::bits, B::Form::bits) + 1>;
    return To::of(wrap<To::width, sa>(Calc(Calc(a.code) % Calc(b.code))));
}

// -1, 0 or 1. The library compares wide mixed signs as C++ does, -1 above 1u: not done here.
template <class A, class B> SQZ_INLINE int compared(const A &a, const B &b) {
    using Meet = Aligned<A, B>;
    constexpr int wa = A::width + Meet::up_a + (Meet::up_a > 0), wb = B::width + Meet::up_b;
    static_assert(Meet::sa == Meet::sb || (wa < 32 && wb < 32) || (Meet::sa ? wa > wb : wb > wa),
                  "a signed type cannot be compared with an unsigned one of 32 bits or more");
    using Calc = Native<Meet::bits>;
    const Calc left = raised<Calc, Meet::up_a>(a);
    Calc right = raised<Calc, Meet::up_b>(b);
    // The library brings the right operand to the finer fraction by a conversion, which moves a
    // most negative code that an AP_SAT_SYM type should not have.
    if constexpr (B::omode == AP_SAT_SYM && Meet::sb && Meet::up_b > 0)
        right += b.code == typename B::Code(B::Form::smallest);
    return (left > right) - (left < right);
}

#define SQZ_BINARY(symbol, function)                                                                                   \
    template <class A, class B, Operands<A, B> = 0> SQZ_INLINE auto operator symbol(const A &a, const B &b) {          \
        return function(lift(a), lift(b));                                                                             \
    }                                                                                                                  \
    template <class A, class B, Operands<A, B> = 0, std::enable_if_t<is_number<A>::value, int> = 0>                    \
    SQZ_INLINE A &operator symbol##=(A &a, const B &b) {                                                               \
        return a = A(function(a, lift(b)));                                                                            \
    }
SQZ_BINARY(+, add)
SQZ_BINARY(-, subtract)
SQZ_BINARY(*, multiply)
SQZ_BINARY(/, divide)
SQZ_BINARY(%, remainder)
#undef SQZ_BINARY

#define SQZ_BITWISE(symbol)                                                                                            \
    template <class A, class B, Operands<A, B> = 0> SQZ_INLINE auto operator symbol(const A &a, const B &b) {          \
        using To = typename Aligned<Lifted<A>, Lifted<B>>::Logic;                                                      \
        return To::of(To(lift(a)).code symbol To(lift(b)).code);                                                       \
    }                                                                                                                  \
    template <class A, class B, Operands<A, B> = 0, std::enable_if_t<is_number<A>::value, int> = 0>                    \
    SQZ_INLINE A &operator symbol##=(A &a, const B &b) {                                                               \
        return a = A(a symbol b);                                                                                      \
    }
SQZ_BITWISE(&)
SQZ_BITWISE(|)
SQZ_BITWISE(^)
#undef SQZ_BITWISE

// With a real number, the real values are compared.
#define SQZ_COMPARE(symbol)                                                                                            \
    template <class A, class B, Operands<A, B> = 0> SQZ_INLINE bool operator symbol(const A &a, const B &b) {          \
        return compared(lift(a), lift(b)) symbol 0;                                                                    \
    }                                                                                                                  \
    template <class A, std::enable_if_t<is_number<A>::value, int> = 0> bool operator symbol(const A &a, double b) {    \
        return a.to_double() symbol b;                                                                                 \
    }                                                                                                                  \
    template <class B, std::enable_if_t<is_number<B>::value, int> = 0> bool operator symbol(double a, const B &b) {    \
        return a symbol b.to_double();                                                                                 \
    }
SQZ_COMPARE(==)
SQZ_COMPARE(!=)
SQZ_COMPARE(<)
SQZ_COMPARE(<=)
SQZ_COMPARE(>)
SQZ_COMPARE(>=)
#undef SQZ_COMPARE

// One bit more, for the most negative code; an ap_int of one signed bit becomes three wide.
template <class A, std::enable_if_t<is_number<A>::value, int> = 0> SQZ_INLINE auto operator-(const A &a) {
    if constexpr (A::is_whole)
        return subtract(Whole<1, false>(), a);
    else
        return subtract(Fixed<A::width, A::iwidth, A::Form::is_signed>(), a);
}

// A negative shift goes the other way.
#define SQZ_SHIFT(symbol, forwards, backwards)                                                                         \
    template <class A, class B, Operands<A, B> = 0, std::enable_if_t<is_number<A>::value, int> = 0>                    \
    SQZ_INLINE A operator symbol(const A &a, const B &by) {                                                            \
        static_assert(Lifted<B>::is_whole, "a value can be shifted by integers only");                                 \
        const auto count = lift(by).code;                                                                              \
        return count < 0 ? a.backwards(unsigned(-(long long)count)) : a.forwards(unsigned(count));                     \
    }                                                                                                                  \
    template <class A, class B, Operands<A, B> = 0, std::enable_if_t<is_number<A>::value, int> = 0>                    \
    SQZ_INLINE A &operator symbol##=(A &a, const B &by) {                                                              \
        return a = a symbol by;                                                                                        \
    }
SQZ_SHIFT(<<, shifted_up, shifted_down)
SQZ_SHIFT(>>, shifted_down, shifted_up)
#undef SQZ_SHIFT

template <class A, std::enable_if_t<is_number<A>::value, int> = 0> SQZ_INLINE A &operator++(A &a) { return a += 1; }
template <class A, std::enable_if_t<is_number<A>::value, int> = 0> SQZ_INLINE A &operator--(A &a) { return a -= 1; }
template <class A, std::enable_if_t<is_number<A>::value, int> = 0> SQZ_INLINE A operator++(A &a, int) {
    const A before = a;
    a += 1;
    return before;
}
template <class A, std::enable_if_t<is_number<A>::value, int> = 0> SQZ_INLINE A operator--(A &a, int) {
    const A before = a;
    a -= 1;
    return before;
}

} // namespace sqz_fast

#endif
