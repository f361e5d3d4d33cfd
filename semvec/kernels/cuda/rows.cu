#include <hardware.cuh>

// Codes and scales of some rows go to the rows `at` of a larger matrix. One warp a row.
extern "C" __global__ void __launch_bounds__(256)
    write_rows(const signed char* codes, const float* scales, const long long* at, long long rows,
               int d, signed char* to, float* to_scales) {
    const long long row = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= rows) return;
    const long long target = at[row];
    codes += row * d, to += target * d;
    const int wide = d % 16 ? 0 : d / 16;
    for (int i = threadIdx.x % 32; i < wide; i += 32)
        reinterpret_cast<int4*>(to)[i] = reinterpret_cast<const int4*>(codes)[i];
    for (int i = 16 * wide + threadIdx.x % 32; i < d; i += 32) to[i] = codes[i];
    if (threadIdx.x % 32 == 0) to_scales[target] = scales[row];
}
