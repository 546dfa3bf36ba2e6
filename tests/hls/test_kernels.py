"""The project's own kernels against NumPy, compiled with the vendor's ap_types and stream model."""

import subprocess
from pathlib import Path

import hls4ml
import numpy as np
import pytest

from sqz_hw.hls.extension import KERNELS
from sqz_hw.verify.compiler import find_compiler

NNET = Path(hls4ml.__file__).parent / "templates" / "vivado"
SIZES = [(3, 3), (3, 5), (4, 4), (5, 3), (6, 9), (7, 7), (8, 5), (9, 9), (17, 17)]
CHANNELS = 3
IMAGES = 2

PROGRAM = """
#include "ap_fixed.h"
#include "nnet_utils/nnet_types.h"
#include "hls_stream.h"
#include "sqz_pooling_stream.h"
#include "sqz_argmax_stream.h"
#include <iostream>

typedef nnet::array<ap_ufixed<6, 2>, {channels}> pixel_t;
typedef nnet::array<ap_ufixed<16, 2>, {channels}> mean_t;
typedef nnet::array<ap_uint<2>, 1> index_t;

template <unsigned H, unsigned W> struct pool_config {{
    static const unsigned in_height = H, in_width = W, n_filt = {channels};
    static const unsigned out_height = (H - 3) / 2 + 1, out_width = (W - 3) / 2 + 1;
    static const unsigned pool_height = 3, pool_width = 3, stride_height = 2, stride_width = 2;
    typedef ap_ufixed<16, 12> accum_t;
}};
struct argmax_config {{ static const unsigned n_in = {channels}; }};

template <unsigned H, unsigned W> void run(hls::stream<pixel_t> &in, int op) {{
    hls::stream<pixel_t> pooled("pooled");
    hls::stream<mean_t> sums("sums");
    hls::stream<index_t> indices("indices");
    if (op == 0) nnet::max_pooling2d_overlapping_cl<pixel_t, pixel_t, pool_config<H, W>>(in, pooled);
    if (op == 1) nnet::global_sum2d_cl<pixel_t, mean_t, pool_config<H, W>>(in, sums);
    if (op == 2) for (unsigned i = 0; i < H * W; i++)
        nnet::argmax_stream<pixel_t, index_t, argmax_config>(in, indices);
    while (!pooled.empty()) {{
        pixel_t p = pooled.read();
        for (unsigned c = 0; c < {channels}; c++) std::cout << p[c].range(5, 0).to_uint() << ' ';
    }}
    while (!sums.empty()) {{
        mean_t p = sums.read();
        for (unsigned c = 0; c < {channels}; c++) std::cout << p[c].range(15, 0).to_uint() << ' ';
    }}
    while (!indices.empty()) std::cout << indices.read()[0].to_uint() << ' ';
    std::cout << std::endl;
}}

int main() {{
    unsigned h, w, op, value;
    while (std::cin >> h >> w >> op) {{
        hls::stream<pixel_t> in("in");
        for (unsigned i = 0; i < h * w; i++) {{
            pixel_t p;
            for (unsigned c = 0; c < {channels}; c++) {{ std::cin >> value; p[c].range(5, 0) = value; }}
            in.write(p);
        }}
        {calls}
        if (!in.empty()) std::cout << "left over" << std::endl;
    }}
}}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    calls = "\n".join(f"if (h == {h} && w == {w}) run<{h}, {w}>(in, op);" for h, w in SIZES)
    (folder / "main.cpp").write_text(PROGRAM.format(channels=CHANNELS, calls=calls))
    command = [find_compiler(), "-O1", "-std=c++17", "-w", f"-I{KERNELS}", f"-I{NNET / 'ap_types'}"]
    command += [f"-I{NNET}", f"-I{NNET / 'nnet_utils'}", str(folder / "main.cpp"), "-o", str(folder / "main")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "main"


def run(program, maps, op):
    text = "".join(
        f"{m.shape[0]} {m.shape[1]} {op}\n" + " ".join(map(str, m.reshape(-1))) + "\n" for m in maps
    )
    result = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    assert "left over" not in result.stdout
    assert "WARNING" not in result.stdout
    return [np.array(line.split(), int) for line in result.stdout.splitlines()]


def maps(seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 64, (h, w, CHANNELS)) for h, w in SIZES for _ in range(IMAGES)]


def test_overlapping_max_pool_equals_numpy_on_odd_even_and_oblong_maps(program):
    given = maps(1)
    for pixels, got in zip(given, run(program, given, 0), strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(0, 1))[::2, ::2]
        np.testing.assert_array_equal(got, windows.max(axis=(-1, -2)).reshape(-1))


def test_global_sum_equals_numpy_and_cannot_wrap(program):
    given = [*maps(2), *(np.full((h, w, CHANNELS), 63) for h, w in SIZES)]
    for pixels, got in zip(given, run(program, given, 1), strict=True):
        np.testing.assert_array_equal(got, pixels.sum(axis=(0, 1)))


def test_argmax_takes_the_first_of_equals(program):
    given = [*maps(3), np.zeros((3, 3, CHANNELS), int), np.tile([5, 9, 9], (3, 3, 1))]
    for pixels, got in zip(given, run(program, given, 2), strict=True):
        np.testing.assert_array_equal(got, pixels.argmax(axis=-1).reshape(-1))
