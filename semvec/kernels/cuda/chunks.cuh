// Rows of a matrix in chunks of 16 bytes.
#pragma once
#include <hardware.cuh>

#ifndef ROW
#define ROW signed char
#endif

template <typename T>
constexpr int PER_CHUNK = 16 / sizeof(T);

// At most 16 bytes from anywhere, zeros after them.
__device__ inline int4 pieced(const char* from, int bytes) {
    int words[4] = {};
#pragma unroll
    for (int i = 0; i < 16; ++i)
        if (i < bytes) words[i / 4] |= (from[i] & 255) << 8 * (i % 4);
    return make_int4(words[0], words[1], words[2], words[3]);
}

// ALIGNED where every row begins at a multiple of 16 bytes: without it, slow and right.
template <bool ALIGNED>
struct Matrix {
    static constexpr int UNROLLED = ALIGNED ? 3 : 1;

    const char* base;
    int bytes;

    __device__ int chunks() const { return (bytes + 15) / 16; }

    __device__ int4 chunk(long long row, int place) const {
        const char* from = base + row * bytes + 16 * place;
        return ALIGNED ? streamed(from) : pieced(from, bytes - 16 * place);
    }
};

__device__ inline float number(int word, int place, signed char) {
    return (float)(signed char)(word >> 8 * place);
}
__device__ inline float number(int word, int place, Half) {
    return widened((Half)(word >> 16 * place));
}
__device__ inline float number(int word, int, float) { return __int_as_float(word); }

template <typename T>
__device__ inline void widen(int4 chunk, float (&numbers)[PER_CHUNK<T>]) {
    const int words[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
    constexpr int PER_WORD = 4 / sizeof(T);
#pragma unroll
    for (int i = 0; i < PER_CHUNK<T>; ++i)
        numbers[i] = number(words[i / PER_WORD], i % PER_WORD, T());
}
