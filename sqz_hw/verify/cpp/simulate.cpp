// simulate STREAMS IMAGES OFFSET IMAGE_BYTES FIRST STEP STOP
//
// Runs images FIRST, FIRST + STEP, ... below STOP through the library and writes each one's
// codes to standard output: little-endian int32, all elements of a stream, stream after
// stream in the order of the file STREAMS. That file has one line a stream,
// "name elements"; the design's input comes first, its output last. Image i stands in the
// file IMAGES at OFFSET + i * IMAGE_BYTES.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

extern "C" {
void sqz_record(const char *name, std::int32_t *codes, std::size_t elements);
unsigned sqz_run(const std::uint8_t *pixels, std::size_t words, const char *input, const char *output);
}

int main(int argc, char **argv) {
    if (argc != 8) {
        std::cerr << "usage: simulate STREAMS IMAGES OFFSET IMAGE_BYTES FIRST STEP STOP" << std::endl;
        return 2;
    }
    const std::size_t offset = std::strtoull(argv[3], nullptr, 10), bytes = std::strtoull(argv[4], nullptr, 10);
    const std::size_t first = std::strtoull(argv[5], nullptr, 10), step = std::strtoull(argv[6], nullptr, 10);
    const std::size_t stop = std::strtoull(argv[7], nullptr, 10);

    std::ifstream list(argv[1]);
    std::vector<std::string> names;
    std::vector<std::size_t> sizes;
    std::string name;
    std::size_t size, total = 0;
    while (list >> name >> size) {
        names.push_back(name);
        sizes.push_back(size);
        total += size;
    }
    std::ifstream images(argv[2], std::ios::binary);
    if (names.size() < 2 || !images || step == 0) {
        std::cerr << "simulate: the list of streams or the images cannot be read" << std::endl;
        return 2;
    }

    std::vector<std::int32_t> codes(total);
    std::size_t at = 0;
    for (std::size_t i = 0; i < names.size(); i++) {
        sqz_record(names[i].c_str(), codes.data() + at, sizes[i]);
        at += sizes[i];
    }
    const std::size_t words = bytes / 3;
    std::vector<std::uint8_t> pixels(bytes);
    for (std::size_t i = first; i < stop; i += step) {
        images.seekg(std::streamoff(offset + i * bytes));
        if (!images.read(reinterpret_cast<char *>(pixels.data()), std::streamsize(bytes))) {
            std::cerr << "simulate: image " << i << " cannot be read" << std::endl;
            return 2;
        }
        if (sqz_run(pixels.data(), words, names.front().c_str(), names.back().c_str()) != 0) {
            std::cerr << "simulate: image " << i << " broke the dataflow" << std::endl;
            return 3;
        }
        if (std::fwrite(codes.data(), sizeof(std::int32_t), total, stdout) != total || std::fflush(stdout) != 0)
            return 4;
    }
    return 0;
}
