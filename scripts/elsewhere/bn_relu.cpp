// Batch normalisation, ReLU, concatenation and bypass in two passes over bfloat16 maps, channels last.
//
// PyTorch's own operations make seven passes over each map and dominate the training of small networks
// on a CPU. A map is M x C (M = images x rows x columns); `width` and `offset` place its channels within
// the rows of the concatenated map. Statistics are float32 sums over blocks of BLOCK rows, added in
// double precision in the order of the blocks: the same for any number of threads.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {
constexpr long BLOCK = 512;

inline float widen(uint16_t v) {
    uint32_t u = static_cast<uint32_t>(v) << 16;
    float f;
    std::memcpy(&f, &u, 4);
    return f;
}

inline uint16_t narrow(float f) {  // round to nearest even; no NaN comes here
    uint32_t u;
    std::memcpy(&u, &f, 4);
    return static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

// Adds the blocks' sums of two quantities for each channel.
void gather(const std::vector<float> &parts, long blocks, long C, double *first, double *second) {
    for (long c = 0; c < C; ++c) first[c] = second[c] = 0;
    for (long k = 0; k < blocks; ++k)
        for (long c = 0; c < C; ++c) {
            first[c] += parts[(2 * k) * C + c];
            second[c] += parts[(2 * k + 1) * C + c];
        }
}
}  // namespace

extern "C" {

// mean and 1 / sqrt(variance + epsilon) of each channel, and the variance.
void statistics(const uint16_t *x, long M, long C, float epsilon, float *mean, float *inverse, float *variance) {
    const long blocks = (M + BLOCK - 1) / BLOCK;
    std::vector<float> parts(2 * blocks * C, 0.f);
#pragma omp parallel for schedule(static)
    for (long k = 0; k < blocks; ++k) {
        float *s = &parts[(2 * k) * C], *q = s + C;
        const long end = std::min(M, (k + 1) * BLOCK);
        for (long m = k * BLOCK; m < end; ++m) {
            const uint16_t *row = x + m * C;
#pragma omp simd
            for (long c = 0; c < C; ++c) {
                const float v = widen(row[c]);
                s[c] += v;
                q[c] += v * v;
            }
        }
    }
    std::vector<double> sum(C), square(C);
    gather(parts, blocks, C, sum.data(), square.data());
    for (long c = 0; c < C; ++c) {
        const double mu = sum[c] / M, var = std::max(0.0, square[c] / M - mu * mu);
        mean[c] = static_cast<float>(mu);
        variance[c] = static_cast<float>(var);
        inverse[c] = static_cast<float>(1.0 / std::sqrt(var + epsilon));
    }
}

// out[:, offset : offset + C] = max(0, a x + b) (+ skip)
void apply(const uint16_t *x, long M, long C, const float *a, const float *b, const uint16_t *skip, uint16_t *out,
           long width, long offset) {
#pragma omp parallel for schedule(static)
    for (long m = 0; m < M; ++m) {
        const uint16_t *row = x + m * C;
        uint16_t *to = out + m * width + offset;
        if (skip) {
            const uint16_t *from = skip + m * width + offset;
#pragma omp simd
            for (long c = 0; c < C; ++c) to[c] = narrow(std::fmax(widen(row[c]) * a[c] + b[c], 0.f) + widen(from[c]));
        } else {
#pragma omp simd
            for (long c = 0; c < C; ++c) to[c] = narrow(std::fmax(widen(row[c]) * a[c] + b[c], 0.f));
        }
    }
}

// Gradients of x, gamma and beta from that of out.
void backward(const uint16_t *x, const uint16_t *grad, long M, long C, long width, long offset, const float *a,
              const float *b, const float *mean, const float *inverse, uint16_t *grad_x, float *grad_gamma,
              float *grad_beta) {
    const long blocks = (M + BLOCK - 1) / BLOCK;
    std::vector<float> parts(2 * blocks * C, 0.f);
#pragma omp parallel for schedule(static)
    for (long k = 0; k < blocks; ++k) {
        float *s = &parts[(2 * k) * C], *q = s + C;
        const long end = std::min(M, (k + 1) * BLOCK);
        for (long m = k * BLOCK; m < end; ++m) {
            const uint16_t *row = x + m * C, *from = grad + m * width + offset;
#pragma omp simd
            for (long c = 0; c < C; ++c) {
                const float v = widen(row[c]);
                const float g = v * a[c] + b[c] > 0.f ? widen(from[c]) : 0.f;
                s[c] += g;
                q[c] += g * v;
            }
        }
    }
    std::vector<double> sum(C), product(C);
    gather(parts, blocks, C, sum.data(), product.data());
    std::vector<float> slope(C), shift(C);
    for (long c = 0; c < C; ++c) {
        const double gamma = inverse[c] * (product[c] - mean[c] * sum[c]);
        grad_gamma[c] = static_cast<float>(gamma);
        grad_beta[c] = static_cast<float>(sum[c]);
        slope[c] = static_cast<float>(-a[c] * inverse[c] * gamma / M);
        shift[c] = static_cast<float>(-a[c] * sum[c] / M - slope[c] * mean[c]);
    }
#pragma omp parallel for schedule(static)
    for (long m = 0; m < M; ++m) {
        const uint16_t *row = x + m * C, *from = grad + m * width + offset;
        uint16_t *to = grad_x + m * C;
#pragma omp simd
        for (long c = 0; c < C; ++c) {
            const float v = widen(row[c]);
            const float g = v * a[c] + b[c] > 0.f ? widen(from[c]) : 0.f;
            to[c] = narrow(a[c] * g + slope[c] * v + shift[c]);
        }
    }
}
}
