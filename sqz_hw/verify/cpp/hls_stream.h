// hls::stream for C-simulation: a FIFO of unlimited depth that records what is written to it.
//
// It stands in for the vendor's header of the same name (this folder comes first on the
// include path), so the project's own sources are simulated, to the byte. Values are
// recorded as integer codes: no text, no rounding.

#ifndef SQZ_CSIM_HLS_STREAM_H_
#define SQZ_CSIM_HLS_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <type_traits>

namespace sqz {

// Where one stream's codes go. Filled in order; `used` never passes `size`.
struct Recording {
    std::int32_t *codes = nullptr;
    std::size_t size = 0;
    std::size_t used = 0;
};

// The recording of a stream by its name, or nullptr. Defined in bridge.cpp.
Recording *recording(const std::string &name);

// A fault of the dataflow: a read while empty, data left over, more data than expected.
void fault(const std::string &stream, const char *what);

template <class value_T> inline std::int32_t code_of(const value_T &value) {
    static_assert(value_T::width <= 32, "a stream's values must have at most 32 bits");
    value_T copy = value;
    const std::uint32_t bits = copy.range(value_T::width - 1, 0).to_uint();
    // A signed type is one whose smallest step below zero is negative.
    const bool negative = value < 0;
    const std::uint32_t sign = negative && value_T::width < 32 ? ~std::uint32_t(0) << value_T::width : 0;
    return std::int32_t(bits | sign);
}

// Only words of several values are recorded; hls4ml's kernels have inner streams of single ones.
template <class word_T, class = void> struct is_packed : std::false_type {};
template <class word_T> struct is_packed<word_T, std::void_t<decltype(word_T::size)>> : std::true_type {};

template <class word_T> inline void record(Recording &to, const std::string &name, const word_T &word) {
    if (to.used + word_T::size > to.size) {
        fault(name, "was written more often than its shape says");
        return;
    }
    for (unsigned i = 0; i < word_T::size; i++)
        to.codes[to.used++] = code_of(word[i]);
}

} // namespace sqz

namespace hls {

template <class T> class stream {
  public:
    stream() = default;
    explicit stream(const std::string &name) : name_(name), recording_(sqz::recording(name)) {}
    stream(const stream &) = delete;
    stream &operator=(const stream &) = delete;

    ~stream() {
        if (!words_.empty())
            sqz::fault(name_, "holds data that nobody read");
    }

    void write(const T &word) {
        if constexpr (sqz::is_packed<T>::value) {
            if (recording_)
                sqz::record(*recording_, name_, word);
        }
        words_.push_back(word);
    }

    T read() {
        if (words_.empty()) {
            sqz::fault(name_, "was read while empty");
            return T();
        }
        T word = words_.front();
        words_.pop_front();
        return word;
    }

    void read(T &word) { word = read(); }
    void operator>>(T &word) { word = read(); }
    void operator<<(const T &word) { write(word); }
    bool write_nb(const T &word) {
        write(word);
        return true;
    }
    bool read_nb(T &word) {
        if (words_.empty())
            return false;
        word = read();
        return true;
    }
    bool empty() const { return words_.empty(); }
    bool full() const { return false; }
    std::size_t size() const { return words_.size(); }

  private:
    std::string name_ = "unnamed";
    std::deque<T> words_;
    sqz::Recording *recording_ = nullptr;
};

} // namespace hls

#endif
