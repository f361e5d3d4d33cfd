// Weighted means of groups of rows.
#include <chunks.cuh>

constexpr int WARPS = 8;

template <bool ALIGNED>
__device__ void mean(Matrix<ALIGNED> rows, const float* scales, int d, const long long* members,
                     const float* weights, long long first, long long last, float* found) {
    constexpr int NUMBERS = PER_CHUNK<ROW>;
    float* partial = (float*)block_memory;  // by warp: its weights' sum, then numbers of each lane
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int chunk = min(32 * (int)blockIdx.y + lane, rows.chunks() - 1);
    float sums[NUMBERS] = {}, total = 0.0f;
#pragma unroll 4
    for (long long i = first + warp; i < last; i += WARPS) {
        const float weight = weights[i], share = scales ? weight * scales[members[i]] : weight;
        total += weight;
        float numbers[NUMBERS];
        widen<ROW>(rows.chunk(members[i], chunk), numbers);
#pragma unroll
        for (int n = 0; n < NUMBERS; ++n) sums[n] = fmaf(share, numbers[n], sums[n]);
    }
    constexpr int WARP_NUMBERS = 1 + 32 * NUMBERS;
    if (lane == 0) partial[warp * WARP_NUMBERS] = total;
#pragma unroll
    for (int n = 0; n < NUMBERS; ++n)
        partial[warp * WARP_NUMBERS + 1 + NUMBERS * lane + n] = sums[n];
    __syncthreads();
    total = 0.0f;
    for (int w = 0; w < WARPS; ++w) total += partial[w * WARP_NUMBERS];
    for (int n = threadIdx.x; n < 32 * NUMBERS; n += blockDim.x) {
        const int place = 32 * NUMBERS * blockIdx.y + n;
        float sum = 0.0f;
        for (int w = 0; w < WARPS; ++w) sum += partial[w * WARP_NUMBERS + 1 + n];
        if (place < d) found[place] = total > 0.0f ? sum / total : 0.0f;
    }
}

// One block a group, and 512 bytes of its rows: `members` from firsts[group] up to the next.
extern "C" __global__ void __launch_bounds__(32 * WARPS)
    means(const char* values, const float* scales, int d, int aligned, const long long* members,
          const float* weights, const long long* firsts, float* found) {
    const long long first = firsts[blockIdx.x], last = firsts[blockIdx.x + 1];
    const int bytes = d * (int)sizeof(ROW);
    found += (long long)blockIdx.x * d;
    if (aligned)
        mean(Matrix<true>{values, bytes}, scales, d, members, weights, first, last, found);
    else
        mean(Matrix<false>{values, bytes}, scales, d, members, weights, first, last, found);
}
