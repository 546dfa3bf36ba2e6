#ifndef SQZ_ARGMAX_STREAM_H_
#define SQZ_ARGMAX_STREAM_H_

#include "hls_stream.h"

namespace nnet {

// Index of the largest score, the first of equals. One word of n_in scores in, one index out.
template <class data_T, class res_T, typename CONFIG_T>
void argmax_stream(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    const data_T scores = data.read();
    typename data_T::value_type best = scores[0];
    unsigned index = 0;

Classes:
    for (unsigned i = 1; i < CONFIG_T::n_in; i++) {
        #pragma HLS PIPELINE II=1
        if (scores[i] > best) {
            best = scores[i];
            index = i;
        }
    }

    res_T result;
    result[0] = index;
    res.write(result);
}

} // namespace nnet

#endif
