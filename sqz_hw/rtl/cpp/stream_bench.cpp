// Drives any module of streams in Verilator: words in from files, words out to files, random stalls on both
// sides, an optional reset in the middle. Compiled once for each module:
//   -DTOP=Vmodule -DTOP_HEADER="Vmodule.h" -DSOURCES=n -DSINKS=n -DIN_BITS=w -DOUT_BITS=w -DLAST=0|1 -DOUT_LAST=expression
// Arguments: folder seed p_valid p_ready reset_at max_cycles idle_limit
//   folder/in<k>.bin: words of ceil(IN_BITS / 8) bytes, little end first; folder/out<k>.bin likewise, and
//   folder/out<k>.cycles: the clock of each word out (uint64); folder/in<k>.cycles likewise.
//   p_valid, p_ready: per mille of clocks in which a source offers and a sink takes.
//   reset_at: clock in which a reset of four clocks begins; everything starts over after it (-1: none).
// Ends when max_words.txt's number of words has left each sink; exit 3 when nothing moves for idle_limit clocks.
#include BENCH_HEADER
#include "verilated.h"
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using Bytes = std::vector<uint8_t>;

template <class T> void set_bit(T& port, int bit, bool value) {
    if (value) port |= T(1) << bit; else port &= ~(T(1) << bit);
}
template <class T> bool get_bit(const T& port, int bit) { return (port >> bit) & 1; }
template <std::size_t N> void set_bit(VlWide<N>& port, int bit, bool value) {
    if (value) port[bit / 32] |= 1u << (bit % 32); else port[bit / 32] &= ~(1u << (bit % 32));
}
template <std::size_t N> bool get_bit(const VlWide<N>& port, int bit) { return (port[bit / 32] >> (bit % 32)) & 1; }

static const int IN_BYTES = (IN_BITS + 7) / 8, OUT_BYTES = (OUT_BITS + 7) / 8;

static Bytes slurp(const std::string& path) {
    Bytes all;
    FILE* f = std::fopen(path.c_str(), "rb");
    if (!f) { std::fprintf(stderr, "cannot read %s\n", path.c_str()); std::exit(2); }
    uint8_t buffer[65536];
    size_t n;
    while ((n = std::fread(buffer, 1, sizeof buffer, f)) > 0) all.insert(all.end(), buffer, buffer + n);
    std::fclose(f);
    return all;
}
static void spill(const std::string& path, const void* data, size_t size) {
    FILE* f = std::fopen(path.c_str(), "wb");
    if (!f || (size && std::fwrite(data, 1, size, f) != size) || std::fclose(f)) {
        std::fprintf(stderr, "cannot write %s\n", path.c_str());
        std::exit(2);
    }
}

int main(int argc, char** argv) {
    if (argc < 8) { std::fprintf(stderr, "usage: bench folder seed p_valid p_ready reset_at max_cycles idle\n"); return 2; }
    const std::string folder = argv[1];
    uint64_t state = std::strtoull(argv[2], nullptr, 10) * 2654435761u + 88172645463325252ull;
    const unsigned p_valid = std::atoi(argv[3]), p_ready = std::atoi(argv[4]);
    const long long reset_at = std::atoll(argv[5]), max_cycles = std::atoll(argv[6]), idle_limit = std::atoll(argv[7]);
    auto chance = [&](unsigned per_mille) {
        state ^= state << 13; state ^= state >> 7; state ^= state << 17;
        return per_mille >= 1000 || (state >> 11) % 1000 < per_mille;
    };
    VerilatedContext context;
    context.commandArgs(argc, argv);
    std::unique_ptr<BENCH_TOP> top(new BENCH_TOP(&context));
    std::vector<Bytes> in(SOURCES), out(SINKS);
    std::vector<size_t> sent(SOURCES, 0);
    std::vector<std::vector<uint64_t>> cycles(SINKS), in_cycles(SOURCES);
    size_t wanted = 0;
    { Bytes text = slurp(folder + "/max_words.txt"); text.push_back(0); wanted = std::strtoull((char*)text.data(), nullptr, 10); }
    for (int k = 0; k < SOURCES; k++) in[k] = slurp(folder + "/in" + std::to_string(k) + ".bin");

    std::vector<bool> offering(SOURCES, false), taking(SINKS, false);
    long long last_move = 0, cycle = 0, resetting = 4;
    int status = 0;
    for (; cycle < max_cycles; cycle++) {
        if (cycle == reset_at) {
            resetting = 4;
            for (auto& s : sent) s = 0;
            for (auto& o : out) o.clear();
            for (auto& c : cycles) c.clear();
            for (auto& c : in_cycles) c.clear();
            std::fill(offering.begin(), offering.end(), false);
        }
        top->rst = resetting > 0;
        for (int k = 0; k < SOURCES; k++) {
            const bool more = (sent[k] + 1) * IN_BYTES <= in[k].size();
            if (!offering[k]) offering[k] = more && resetting <= 0 && chance(p_valid);
            set_bit(top->in_valid, k, offering[k]);
            if (offering[k])
                for (int b = 0; b < IN_BITS; b++)
                    set_bit(top->in_data, k * IN_BITS + b, (in[k][sent[k] * IN_BYTES + b / 8] >> (b % 8)) & 1);
        }
        for (int k = 0; k < SINKS; k++) {
            taking[k] = resetting <= 0 && chance(p_ready);
            set_bit(top->out_ready, k, taking[k]);
        }
        top->clk = 0;
        top->eval();
        std::vector<bool> moved_in(SOURCES), moved_out(SINKS);
        for (int k = 0; k < SOURCES; k++) moved_in[k] = offering[k] && get_bit(top->in_ready, k);
        for (int k = 0; k < SINKS; k++) {
            moved_out[k] = taking[k] && get_bit(top->out_valid, k);
            if (!moved_out[k]) continue;
            Bytes word(OUT_BYTES, 0);
            for (int b = 0; b < OUT_BITS; b++)
                if (get_bit(top->out_data, b)) word[b / 8] |= 1 << (b % 8);
            if (LAST) word.push_back((uint8_t)(OUT_LAST));
            out[k].insert(out[k].end(), word.begin(), word.end());
            cycles[k].push_back(cycle);
            last_move = cycle;
        }
        top->clk = 1;
        top->eval();
        for (int k = 0; k < SOURCES; k++)
            if (moved_in[k]) { in_cycles[k].push_back(cycle); sent[k]++; offering[k] = false; last_move = cycle; }
        if (resetting > 0) { resetting--; last_move = cycle; }
        bool all = true;
        for (int k = 0; k < SINKS; k++) all = all && cycles[k].size() >= wanted;
        if (all && (reset_at < 0 || cycle > reset_at)) break;
        if (cycle - last_move > idle_limit) { status = 3; break; }
    }
    if (cycle >= max_cycles) status = 4;
    top->final();
    for (int k = 0; k < SINKS; k++) {
        spill(folder + "/out" + std::to_string(k) + ".bin", out[k].data(), out[k].size());
        spill(folder + "/out" + std::to_string(k) + ".cycles", cycles[k].data(), cycles[k].size() * 8);
    }
    for (int k = 0; k < SOURCES; k++)
        spill(folder + "/in" + std::to_string(k) + ".cycles", in_cycles[k].data(), in_cycles[k].size() * 8);
    return status;
}
