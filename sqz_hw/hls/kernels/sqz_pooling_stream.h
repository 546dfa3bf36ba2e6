#ifndef SQZ_POOLING_STREAM_H_
#define SQZ_POOLING_STREAM_H_

#include "hls_stream.h"
#include "nnet_common.h"

// Streaming pooling that hls4ml lacks. A stream word is one pixel, all channels side by side.

namespace nnet {

// Max pooling with windows that overlap by one pixel (3x3, stride 2), no padding.
//
// Windows are reduced first along the row, then down the columns, so one row of column
// maxima is all that is stored: out_width words, where a line buffer of raw pixels takes
// 2 * in_width. One word is read each cycle; a word leaves with the last pixel of a window.
template <class data_T, class res_T, typename CONFIG_T>
void max_pooling2d_overlapping_cl(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    static_assert(CONFIG_T::pool_height == 3 && CONFIG_T::pool_width == 3, "the window must be 3x3");
    static_assert(CONFIG_T::stride_height == 2 && CONFIG_T::stride_width == 2, "the stride must be 2");
    static_assert((CONFIG_T::in_height - 3) / 2 + 1 == CONFIG_T::out_height, "the output height must be valid");
    static_assert((CONFIG_T::in_width - 3) / 2 + 1 == CONFIG_T::out_width, "the output width must be valid");

    data_T column_max[CONFIG_T::out_width];
    #pragma HLS BIND_STORAGE variable=column_max type=ram_2p
    data_T left, middle;

ReadInputHeight:
    for (unsigned row = 0; row < CONFIG_T::in_height; row++) {
    ReadInputWidth:
        for (unsigned column = 0; column < CONFIG_T::in_width; column++) {
            #pragma HLS LOOP_FLATTEN
            #pragma HLS PIPELINE II=1
            // A column's maximum is written one row before it is read again.
            #pragma HLS DEPENDENCE variable=column_max inter false

            const data_T pixel = data.read();
            const bool row_is_even = row % 2 == 0;
            if (column >= 2 && column % 2 == 0 && column / 2 <= CONFIG_T::out_width) {
                const unsigned i_out = column / 2 - 1;
                data_T row_max, window_max;
                const data_T above = column_max[i_out];
            Channels:
                for (unsigned c = 0; c < CONFIG_T::n_filt; c++) {
                    #pragma HLS UNROLL
                    const typename data_T::value_type pair = left[c] > middle[c] ? left[c] : middle[c];
                    row_max[c] = pair > pixel[c] ? pair : pixel[c];
                    window_max[c] = (row > 0 && above[c] > row_max[c]) ? above[c] : row_max[c];
                }
                // An even row ends one window and begins the next; an odd row is in the middle.
                column_max[i_out] = row_is_even ? row_max : window_max;
                if (row_is_even && row >= 2 && row / 2 <= CONFIG_T::out_height) {
                    res_T result;
                Write:
                    for (unsigned c = 0; c < CONFIG_T::n_filt; c++) {
                        #pragma HLS UNROLL
                        result[c] = window_max[c];
                    }
                    res.write(result);
                }
            }
            left = middle;
            middle = pixel;
        }
    }
}

// Sum over the map, one word out an image. accum_t is wide enough for every sum, so nothing
// can wrap. result_t has the same bits; where height * width is a power of two its binary
// point is moved so that the sum reads as the mean, else the division is left to the host.
template <class data_T, class res_T, typename CONFIG_T>
void global_sum2d_cl(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    typedef typename CONFIG_T::accum_t accum_t;
    static_assert(accum_t::width == res_T::value_type::width, "the result must have the sum's bits");

    accum_t sum[CONFIG_T::n_filt];
    #pragma HLS ARRAY_PARTITION variable=sum complete

Clear:
    for (unsigned c = 0; c < CONFIG_T::n_filt; c++) {
        #pragma HLS UNROLL
        sum[c] = 0;
    }

ReadInput:
    for (unsigned i = 0; i < CONFIG_T::in_height * CONFIG_T::in_width; i++) {
        #pragma HLS PIPELINE II=1
        const data_T pixel = data.read();
    Channels:
        for (unsigned c = 0; c < CONFIG_T::n_filt; c++) {
            #pragma HLS UNROLL
            sum[c] += pixel[c];
        }
    }

    res_T result;
Write:
    for (unsigned c = 0; c < CONFIG_T::n_filt; c++) {
        #pragma HLS UNROLL
        typename res_T::value_type moved;
        moved.range(accum_t::width - 1, 0) = sum[c].range(accum_t::width - 1, 0);
        result[c] = moved;
    }
    res.write(result);
}

} // namespace nnet

#endif
