// The library that C-simulation calls: one image in, every stream's integer codes out.

#include "firmware/myproject.h"

#include <cstring>
#include <iostream>
#include <map>

namespace nnet {
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
} // namespace nnet

namespace sqz {

namespace {
std::map<std::string, Recording> recordings;
unsigned faults = 0;
const unsigned FAULTS_SHOWN = 10;
} // namespace

Recording *recording(const std::string &name) {
    const auto found = recordings.find(name);
    return found == recordings.end() ? nullptr : &found->second;
}

void fault(const std::string &stream, const char *what) {
    if (++faults <= FAULTS_SHOWN)
        std::cerr << "stream " << stream << ' ' << what << std::endl;
}

} // namespace sqz

extern "C" {

// Record `elements` codes an image of the stream `name` at `codes`.
void sqz_record(const char *name, std::int32_t *codes, std::size_t elements) {
    sqz::recordings[name] = {codes, elements, 0};
}

// Run one image. `pixels` holds height * width * channels bytes, `input` and `output` are the
// names of the outer streams. Returns the number of faults; 0 means that all went well.
unsigned sqz_run(const std::uint8_t *pixels, std::size_t words, const char *input, const char *output) {
    sqz::faults = 0;
    for (auto &entry : sqz::recordings)
        entry.second.used = 0;
    {
        static_assert(input_t::value_type::width == 8, "pixels are 8 bits");
        hls::stream<input_t> in(input);
        hls::stream<result_t> out(output);
        for (std::size_t i = 0; i < words; i++) {
            input_t word;
            for (unsigned c = 0; c < input_t::size; c++)
                word[c].range(7, 0) = *pixels++;
            in.write(word);
        }
        myproject(in, out);
        while (!out.empty())
            out.read();
    }
    for (const auto &entry : sqz::recordings)
        if (entry.second.used != entry.second.size)
            sqz::fault(entry.first, "was written less often than its shape says");
    return sqz::faults;
}
}
