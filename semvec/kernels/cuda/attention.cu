// Softmax attention: what each member of a group weighs by its product with the group's query.
#include <chunks.cuh>

constexpr int WARPS = 8;
constexpr unsigned ALL = 0xffffffffu;

template <bool ALIGNED>
__device__ float product(Matrix<ALIGNED> rows, long long row, const float* query, int d) {
    float sum = 0.0f;
    for (int chunk = threadIdx.x % 32; chunk < rows.chunks(); chunk += 32) {
        float numbers[PER_CHUNK<ROW>];
        widen<ROW>(rows.chunk(row, chunk), numbers);
#pragma unroll
        for (int i = 0; i < PER_CHUNK<ROW>; ++i) {
            const int place = PER_CHUNK<ROW> * chunk + i;
            if (place < d) sum = fmaf(numbers[i], query[place], sum);
        }
    }
    for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(ALL, sum, step);
    return sum;
}

// One block a group, `members` from firsts[group] up to firsts[group + 1]: its weights sum to 1.
extern "C" __global__ void __launch_bounds__(32 * WARPS)
    attention(const char* values, const float* scales, int d, int aligned, const long long* members,
              const long long* firsts, const float* queries, float temperature, float* weights) {
    float* of_warps = (float*)block_memory;
    const long long first = firsts[blockIdx.x], last = firsts[blockIdx.x + 1];
    const float* query = queries + (long long)blockIdx.x * d;
    const int warp = threadIdx.x / 32, bytes = d * (int)sizeof(ROW);
    float largest = -__int_as_float(0x7f800000), total = 0.0f;
    for (long long i = first + warp; i < last; i += WARPS) {
        float sum = aligned ? product(Matrix<true>{values, bytes}, members[i], query, d)
                            : product(Matrix<false>{values, bytes}, members[i], query, d);
        if (scales) sum *= scales[members[i]];
        sum /= temperature;
        largest = fmaxf(largest, sum);
        if (threadIdx.x % 32 == 0) weights[i] = sum;
    }
    of_warps[warp] = largest;
    __syncthreads();
    for (int w = 0; w < WARPS; ++w) largest = fmaxf(largest, of_warps[w]);
    __syncthreads();
    for (long long i = first + threadIdx.x; i < last; i += blockDim.x) {
        weights[i] = expf(weights[i] - largest);
        total += weights[i];
    }
    for (int step = 16; step; step /= 2) total += __shfl_xor_sync(ALL, total, step);
    of_warps[warp] = total;
    __syncthreads();
    total = 0.0f;
    for (int w = 0; w < WARPS; ++w) total += of_warps[w];
    for (long long i = first + threadIdx.x; i < last; i += blockDim.x) weights[i] /= total;
}
