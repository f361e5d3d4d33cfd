// Hidden states: rows of halves, each over the lanes of one warp, 16 bytes at a time.
#pragma once
#include <hardware.cuh>

constexpr int EIGHT = 8;  // halves in 16 bytes
constexpr int MOST = 4;   // times 16 bytes that a lane holds of a row: 1,024 numbers a row at most
constexpr unsigned ALL = 0xffffffffu;

__device__ inline int both(Half low, Half high) { return (int)((unsigned)high << 16 | low); }
__device__ inline int both(float low, float high) { return both(narrowed(low), narrowed(high)); }

__device__ inline void unpack(int4 chunk, float (&numbers)[EIGHT]) {
    const int words[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
#pragma unroll
    for (int i = 0; i < EIGHT; ++i) numbers[i] = widened((Half)(words[i / 2] >> 16 * (i % 2)));
}

__device__ inline int4 packed(const float (&numbers)[EIGHT]) {
    return make_int4(both(numbers[0], numbers[1]), both(numbers[2], numbers[3]),
                     both(numbers[4], numbers[5]), both(numbers[6], numbers[7]));
}

__device__ inline float over_warp(float sum) {
    for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(ALL, sum, step);
    return sum;
}

__device__ inline long long row_of_warp() {
    return (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
}

// One row of d numbers, d a multiple of 8, that begins at a multiple of 16 bytes.
struct State {
    float numbers[MOST][EIGHT] = {};
    int d;

    __device__ explicit State(int d) : d(d) {}

    // Calls `take(place, numbers)` for each eight numbers that this lane has, the first at `place`.
    template <typename Take>
    __device__ void each(Take take) {
#pragma unroll
        for (int i = 0; i < MOST; ++i) {
            const int place = EIGHT * (threadIdx.x % 32 + 32 * i);
            if (place < d) take(place, numbers[i]);
        }
    }

    __device__ void add(const Half* row) {
        each([&](int place, float(&mine)[EIGHT]) {
            float theirs[EIGHT];
            unpack(loaded(row + place), theirs);
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) mine[i] += theirs[i];
        });
    }

    __device__ void add(const float* row) {
        each([&](int place, float(&mine)[EIGHT]) {
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) mine[i] += row[place + i];
        });
    }

    // The sum over the row of (x - centre) to the `power` 1 or 2.
    template <int POWER>
    __device__ float sum(float centre) {
        float sum = 0.0f;
        each([&](int, float(&mine)[EIGHT]) {
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) {
                const float x = mine[i] - centre;
                sum += POWER == 2 ? x * x : x;
            }
        });
        return over_warp(sum);
    }

    // Layer norm (Ba et al., 2016), with the variance about the mean: no difference of squares.
    __device__ void write_normed(const float* gain, const float* offset, float epsilon, Half* row) {
        const float mean = sum<1>(0.0f) / d, spread = sqrtf(sum<2>(mean) / d + epsilon);
        each([&](int place, float(&mine)[EIGHT]) {
            float out[EIGHT];
#pragma unroll
            for (int i = 0; i < EIGHT; ++i)
                out[i] = (mine[i] - mean) / spread * gain[place + i] + offset[place + i];
            stored(row + place, packed(out));
        });
    }

    // At unit length; zeros stay zero.
    __device__ void write_unit(float* row) {
        const float length = sqrtf(sum<2>(0.0f));
        each([&](int place, float(&mine)[EIGHT]) {
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) row[place + i] = length > 0.0f ? mine[i] / length : 0.0f;
        });
    }
};
