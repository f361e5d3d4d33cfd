// Rows by themselves: unit length, int8 codes and back. One warp a row. Codes and scales are those
// of NumPy to the bit; the sum of squares of `normalised` has another order.
#include <hardware.cuh>

template <typename T, typename Join>
__device__ T over_warp(T mine, Join join) {
    for (int step = 16; step; step /= 2)
        mine = join(mine, __shfl_xor_sync(0xffffffffu, mine, step));
    return mine;
}

__device__ inline long long row_of_warp() {
    return (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
}

extern "C" __global__ void __launch_bounds__(256)
    normalised(const float* values, long long rows, int d, float* found) {
    const long long row = row_of_warp();
    if (row >= rows) return;
    values += row * d, found += row * d;
    float squares = 0.0f;
    for (int i = threadIdx.x % 32; i < d; i += 32) squares = fmaf(values[i], values[i], squares);
    const float length = sqrtf(over_warp(squares, [](float a, float b) { return a + b; }));
    for (int i = threadIdx.x % 32; i < d; i += 32)
        found[i] = length > 0.0f ? values[i] / length : 0.0f;
}

extern "C" __global__ void __launch_bounds__(256)
    quantise(const float* values, long long rows, int d, signed char* codes) {
    const long long row = row_of_warp();
    if (row >= rows) return;
    values += row * d, codes += row * d;
    float largest = 0.0f;
    for (int i = threadIdx.x % 32; i < d; i += 32) largest = fmaxf(largest, fabsf(values[i]));
    largest = over_warp(largest, [](float a, float b) { return fmaxf(a, b); });
    const float step = largest > 0.0f ? 127.0f / largest : 0.0f;
    for (int i = threadIdx.x % 32; i < d; i += 32) codes[i] = (signed char)rintf(values[i] * step);
}

extern "C" __global__ void __launch_bounds__(256)
    unit_scales(const signed char* codes, long long rows, int d, float* scales) {
    const long long row = row_of_warp();
    if (row >= rows) return;
    codes += row * d;
    long long squares = 0;
    for (int i = threadIdx.x % 32; i < d; i += 32) squares += codes[i] * codes[i];
    squares = over_warp(squares, [](long long a, long long b) { return a + b; });
    if (threadIdx.x % 32 == 0)
        scales[row] = squares ? (float)(1.0 / sqrt((double)squares)) : 0.0f;
}

extern "C" __global__ void __launch_bounds__(256)
    dequantise(const signed char* codes, const float* scales, long long rows, int d, float* found) {
    const long long row = row_of_warp();
    if (row >= rows) return;
    const float scale = scales ? scales[row] : 1.0f;
    for (int i = threadIdx.x % 32; i < d; i += 32) found[row * d + i] = codes[row * d + i] * scale;
}

// Codes and scales of some rows go to the rows `at` of a larger matrix.
extern "C" __global__ void __launch_bounds__(256)
    write_rows(const signed char* codes, const float* scales, const long long* at, long long rows,
               int d, signed char* to, float* to_scales) {
    const long long row = row_of_warp();
    if (row >= rows) return;
    const long long target = at[row];
    codes += row * d, to += target * d;
    const int wide = d % 16 ? 0 : d / 16;
    for (int i = threadIdx.x % 32; i < wide; i += 32)
        reinterpret_cast<int4*>(to)[i] = reinterpret_cast<const int4*>(codes)[i];
    for (int i = 16 * wide + threadIdx.x % 32; i < d; i += 32) to[i] = codes[i];
    if (threadIdx.x % 32 == 0) to_scales[target] = scales[row];
}
