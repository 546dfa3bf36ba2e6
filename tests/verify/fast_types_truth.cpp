// Does everything that the fast ap types can, and writes the results; compiled with the bundled
// ap types and with the fast ones, it must write the same.
//
// "pairs.inc" has lines FIXED(a, b) and WHOLE(a, b), a pair of types each. Standard input: int64
// bit patterns. Standard output: for each line a count of words, then each result and the line
// of this file that it is from, all uint64.

#include "ap_fixed.h"
#include "ap_int.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <type_traits>
#include <vector>

typedef std::vector<std::int64_t> Patterns;
static std::vector<std::uint64_t> results;

static void put(std::uint64_t result, int line = __builtin_LINE()) {
    results.push_back(result);
    results.push_back(line);
}
static void put_real(double real, int line = __builtin_LINE()) {
    std::uint64_t bits;
    std::memcpy(&bits, &real, sizeof bits);
    put(bits, line);
}


// A signed type of one bit cannot hold 1, so the sign is passed along with a type.
template <class T_, bool signed_, int integer_> struct Type {
    typedef T_ T;
    static constexpr bool is_signed = signed_;
    static constexpr int width = T::width, integer = integer_;
};

template <class T> T number(std::int64_t pattern) {
    T made;
    made.range(T::width - 1, 0) = ap_uint<64>(std::uint64_t(pattern));
    return made;
}
template <class T> void put_bits(const T &value, int line = __builtin_LINE()) {
    T copy = value;
    put(copy.range(T::width - 1, 0).to_uint64(), line);
}
// A result of any width, and its type: its lowest 64 bits and its highest.
template <class R> void put_fixed(const R &result, int line = __builtin_LINE()) {
    constexpr int width = R::width, integer = R::iwidth;
    put(std::uint64_t(width) << 32 | std::uint32_t(integer), line);
    put_bits(ap_ufixed<64, integer - width + 64>(result), line);
    put_bits(ap_fixed<64, integer>(result), line);
}
template <class R> void put_whole(const R &result, int line = __builtin_LINE()) {
    put(R::width, line);
    put_bits(ap_uint<64>(result), line);
}

// Every code of a small type; of others the patterns.
template <class T> Patterns codes(const Patterns &patterns, std::size_t most) {
    if (T::width > 6)
        return Patterns(patterns.begin(), patterns.begin() + std::min(most, patterns.size()));
    Patterns all;
    for (std::int64_t code = 0; code < 1 << T::width; code++)
        all.push_back(code);
    return all;
}

// Where the library compares as C++ does, an unsigned winning over a signed, there is nothing to compare.
template <class A, class B> constexpr bool comparable() {
    const int fa = A::width - A::integer, fb = B::width - B::integer;
    const int wa = A::width + (fb > fa ? fb - fa + 1 : 0), wb = B::width + (fa > fb ? fa - fb : 0);
    return A::is_signed == B::is_signed || (wa < 32 && wb < 32) || (A::is_signed ? wa > wb : wb > wa);
}
template <class A, class B> void put_compared(const A &a, const B &b, int line = __builtin_LINE()) {
    put((a < b) | (a <= b) << 1 | (a > b) << 2 | (a >= b) << 3 | (a == b) << 4 | (a != b) << 5, line);
}
struct AnInt {
    static constexpr bool is_signed = true;
    static constexpr int width = 32, integer = 32;
};

// What one number is alone.
template <class A> void alone(std::int64_t pattern) {
    typedef typename A::T T;
    const T a = number<T>(pattern);
    put_bits(a);
    put(!a | bool(a[0]) << 1 | bool(a[T::width - 1]) << 2 | (bool(a) ? 8 : 0));
    for (int shift = 0; shift < T::width + 2; shift += 1 + T::width / 3) {
        put_bits(T(a << shift));
        put_bits(T(a >> shift));
        put_bits(T(a << -shift));
        put_bits(T(a >> unsigned(shift)));
        T moved = a;
        moved <<= shift;
        moved >>= 1;
        put_bits(moved);
    }
    const int high = T::width - 1, middle = T::width / 2;
    put(a.range(high, middle).to_uint64());
    put(a(middle, 0).to_uint());
    T changed = a;
    changed.range(high, middle) = a.range(high - middle, 0);
    put_bits(changed);
    changed.range(middle, 0) = 5;
    put_bits(changed);
    changed[middle] = !changed[middle];
    put_bits(changed);
    if constexpr (A::integer <= A::width) { // else the library does not compile
        changed++;
        put_bits(changed);
        --changed;
        put_bits(changed);
    }
    put_bits(T(~a));
    if constexpr (comparable<A, AnInt>()) {
        put_compared(a, 0);
        put_compared(a, 3);
        put_compared(-2, a);
    }
    if constexpr (!A::is_signed || A::integer > 0) {
        put(std::uint64_t(a.to_int()));
        put(a.to_uint());
        put(std::uint64_t(a.to_int64()));
        put(a.to_uint64());
        put_bits(ap_int<12>(a));
        put_bits(ap_uint<33>(a));
        put(std::uint64_t(int(a)));
        put(std::uint64_t(unsigned(a)));
    }
    put_real(a.to_double());
    put_real(float(a));
}

template <class A, class B> void pair_fixed(const Patterns &patterns) {
    typedef typename A::T TA;
    typedef typename B::T TB;
    for (std::int64_t x : codes<TA>(patterns, patterns.size())) {
        const TA a = number<TA>(x);
        const TB converted = a;
        put_bits(converted);
        TB assigned;
        assigned = a;
        put_bits(assigned);
    }
    const Patterns few = codes<TA>(patterns, 40), others = codes<TB>(patterns, 24);
    for (std::int64_t x : few) {
        const TA a = number<TA>(x);
        alone<A>(x);
        put_fixed(-a + TA(0));
        put_fixed(a + 3);
        put_fixed(2u * a);
        put_fixed((signed char)(-7) - a);
        put_fixed(a / 5);
        const double real = a.to_double();
        put_compared(a, real);
        put_compared(real * 0.75, a);
        for (double scale : {1.0, -1.0, 0.5, 0.75, -0.3125, 3.0, 1e-9, 1e12, 1.0 / 3}) {
            put_bits(TB(real * scale));
            put_bits(TB(float(real * scale)));
        }
        std::ostringstream text;
        text.precision(17);
        text << real;
        TB read;
        std::istringstream(text.str()) >> read;
        put_bits(read);
        for (std::int64_t y : others) {
            const TB b = number<TB>(y);
            put_fixed(a + b);
            put_fixed(a - b);
            put_fixed(a * b);
            put_fixed(a & b);
            put_fixed(a | b);
            put_fixed(a ^ b);
            if (y && bool(b))
                put_fixed(a / b);
            if constexpr (comparable<A, B>())
                put_compared(a, b);
            TB sum = b;
            sum += a;
            put_bits(sum);
            sum -= TA(a);
            sum -= a * b;
            put_bits(sum);
            sum *= a;
            put_bits(sum);
            if (bool(a)) {
                sum /= a;
                put_bits(sum);
            }
            sum = b;
            sum += static_cast<TB>(a * b); // the kernels' multiply-accumulate
            put_bits(sum);
            sum += 1;
            put_bits(sum);
        }
    }
}

template <class A, class B> void pair_whole(const Patterns &patterns) {
    typedef typename A::T TA;
    typedef typename B::T TB;
    for (std::int64_t x : codes<TA>(patterns, 60)) {
        const TA a = number<TA>(x);
        alone<A>(x);
        put_bits(TB(a));
        put_whole(-a);
        put_whole(a + 3);
        put_whole(2u * a);
        if constexpr (A::is_signed)
            put_whole(a % 7);
        else
            put_whole(a % 7u);
        put(std::uint64_t((long long)(a)));
        put_bits(ap_fixed<20, 9, AP_RND, AP_SAT>(a));
        put_fixed(a * ap_fixed<9, 3>(1.375));
        put_fixed(ap_ufixed<9, 3>(1.375) + a);
        for (std::int64_t y : codes<TB>(patterns, 24)) {
            const TB b = number<TB>(y);
            put_whole(a + b);
            put_whole(a - b);
            put_whole(a * b);
            put_whole(a & b);
            put_whole(a | b);
            put_whole(a ^ b);
            if (bool(b)) {
                if constexpr (A::is_signed == B::is_signed) {
                    put_whole(a / b);
                    put_whole(a % b);
                }
            }
            if constexpr (comparable<A, B>())
                put_compared(a, b);
            TA sum = a;
            sum += b;
            put_bits(sum);
            sum -= 5;
            sum *= b;
            put_bits(sum);
        }
    }
}

static void flush() {
    const std::uint64_t count = results.size();
    std::fwrite(&count, sizeof count, 1, stdout);
    std::fwrite(results.data(), sizeof(std::uint64_t), count, stdout);
    results.clear();
}

int main() {
    Patterns patterns;
    std::int64_t pattern;
    while (std::fread(&pattern, sizeof pattern, 1, stdin) == 1)
        patterns.push_back(pattern);
#define FIXED(a, b) pair_fixed<a, b>(patterns), flush();
#define WHOLE(a, b) pair_whole<a, b>(patterns), flush();
#include "pairs.inc"
}
