// x.range(high, low) and x[index]: bits of a number, to read and to write.

#ifndef SQZ_FAST_SLICES_H_
#define SQZ_FAST_SLICES_H_

#include "sqz_native.h"

#include <cstdio>
#include <cstdlib>

namespace sqz_fast {

template <class T> class Slice {
    using Own = std::remove_const_t<T>;

  public:
    SQZ_INLINE Slice(T &number, int high, int low) : number_(number), high_(high), low_(low) {
        static_assert(Own::width <= 64, "a type whose bits are taken must have at most 64");
        if (low < 0 || high < low || high >= Own::width) {
            std::fputs("fast ap types: range() beyond the type's bits\n", stderr);
            std::abort();
        }
    }
    Slice(const Slice &) = default;

    SQZ_INLINE unsigned long long to_uint64() const { return ((unsigned long long)(number_.code) >> low_) & mask(); }
    SQZ_INLINE long long to_int64() const { return (long long)to_uint64(); }
    SQZ_INLINE unsigned to_uint() const { return unsigned(to_uint64()); }
    SQZ_INLINE int to_int() const { return int(to_uint64()); }
    SQZ_INLINE int length() const { return high_ - low_ + 1; }

    // Explicit: as an operand, the library's slice is a number of its own width.
    template <class I, std::enable_if_t<std::is_integral_v<I>, int> = 0> SQZ_INLINE explicit operator I() const {
        return I(to_uint64());
    }

    // Assigning takes as many low bits as fit. A fixed-point number gives its bits, not its value.
    SQZ_INLINE Slice &operator=(const Slice &other) { return set(other.to_uint64()); }
    template <class T2> SQZ_INLINE Slice &operator=(const Slice<T2> &other) { return set(other.to_uint64()); }
    template <class I, std::enable_if_t<std::is_integral_v<I>, int> = 0> SQZ_INLINE Slice &operator=(I value) {
        return set((unsigned long long)value);
    }
    template <class Other, class = typename Other::Form> SQZ_INLINE Slice &operator=(const Other &number) {
        static_assert(Other::width <= 64, "a type whose bits are taken must have at most 64");
        return set((unsigned long long)number.code);
    }

  private:
    SQZ_INLINE unsigned long long mask() const { return ~0ull >> (63 - (high_ - low_)); }

    SQZ_INLINE Slice &set(unsigned long long bits) {
        const unsigned long long old = (unsigned long long)number_.code;
        const unsigned long long made = (old & ~(mask() << low_)) | ((bits & mask()) << low_);
        number_.code = wrap<Own::width, Own::Form::is_signed>((long long)made);
        return *this;
    }

    T &number_;
    int high_, low_;
};

template <class T> class Bit {
  public:
    SQZ_INLINE Bit(T &number, int index) : slice_(number, index, index) {}
    Bit(const Bit &) = default;
    SQZ_INLINE operator bool() const { return slice_.to_uint64() != 0; }
    SQZ_INLINE bool to_bool() const { return *this; }
    SQZ_INLINE Bit &operator=(bool value) {
        slice_ = value;
        return *this;
    }
    SQZ_INLINE Bit &operator=(const Bit &other) { return *this = bool(other); }

  private:
    Slice<T> slice_;
};

} // namespace sqz_fast

#endif
