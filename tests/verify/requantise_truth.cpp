// Converts codes between fixed-point types by assignment, with the ap_fixed library itself.
//
// "pairs.inc" has one line PAIR(source, target) a pair of types. Standard input: int64 bit
// patterns, the same for every pair; each type takes as many low bits as it has. Standard
// output: for each pair and pattern the target's bits in an int64.

#include "ap_fixed.h"

#include <cstdint>
#include <cstdio>
#include <vector>

template <class source_T, class target_T> void convert(const std::vector<std::int64_t> &patterns) {
    std::vector<std::int64_t> bits;
    for (std::int64_t pattern : patterns) {
        source_T source;
        source.range(source_T::width - 1, 0) = ap_uint<64>(std::uint64_t(pattern));
        target_T target = source;
        bits.push_back(std::int64_t(target.range(target_T::width - 1, 0).to_uint64()));
    }
    std::fwrite(bits.data(), sizeof(std::int64_t), bits.size(), stdout);
}

int main() {
    std::vector<std::int64_t> patterns;
    std::int64_t pattern;
    while (std::fread(&pattern, sizeof pattern, 1, stdin) == 1)
        patterns.push_back(pattern);
#define PAIR(source, target) convert<source, target>(patterns);
#include "pairs.inc"
}
