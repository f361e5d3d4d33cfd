// Queries as 16-bit fixed-point numbers in two int8 halves: x is about step (256 high + low).
#include <hardware.cuh>

constexpr float LARGEST = 127.0f * 256.0f;

// One warp a query of d numbers: `halves` has its `width` high bytes, zeros past d, then the low
// ones.
extern "C" __global__ void __launch_bounds__(256)
    fixed(const float* queries, int number, int d, int width, signed char* halves, float* steps) {
    const int query = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (query >= number) return;
    const float* mine = queries + (long long)query * d;
    float largest = 0.0f;
    for (int i = lane; i < d; i += 32) largest = fmaxf(largest, fabsf(mine[i]));
    for (int step = 16; step; step /= 2)
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, step));
    const float scale = largest > 0.0f ? LARGEST / largest : 0.0f;
    signed char* high = halves + (long long)query * 2 * width;
    for (int i = lane; i < width; i += 32) {
        const int code = i < d ? (int)rintf(fminf(fmaxf(mine[i] * scale, -LARGEST), LARGEST)) : 0;
        high[i] = (signed char)((code + 128) >> 8);
        high[width + i] = (signed char)(code - 256 * high[i]);
    }
    if (lane == 0) steps[query] = largest / LARGEST;
}
