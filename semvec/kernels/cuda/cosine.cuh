// Products of a query with rows in runs, for one block.
#pragma once
#include <best.cuh>
#include <chunks.cuh>

constexpr int LANES = 8;   // that share a row
constexpr int FLIGHT = 4;  // rows that each of them reads at once

// A query in the block's memory, and its product with chunks of a row.
template <typename T>
struct Query {
    typedef float Sum;
    const float* numbers = (const float*)block_memory;

    __device__ Query(const void* queries, const float*, int query, int chunks, int d) {
        const float* mine = (const float*)queries + (long long)query * d;
        for (int i = threadIdx.x; i < chunks * PER_CHUNK<T>; i += blockDim.x)
            ((float*)block_memory)[i] = i < d ? mine[i] : 0.0f;
        __syncthreads();
    }

    __device__ void add(Sum& sum, int4 chunk, int place) const {
        float row[PER_CHUNK<T>];
        widen<T>(chunk, row);
        const float4* mine = (const float4*)(numbers + place * PER_CHUNK<T>);
#pragma unroll
        for (int i = 0; i < PER_CHUNK<T>; i += 4) {
            const float4 four = mine[i / 4];
            sum = fmaf(row[i], four.x, fmaf(row[i + 1], four.y, sum));
            sum = fmaf(row[i + 2], four.z, fmaf(row[i + 3], four.w, sum));
        }
    }

    __device__ float value(Sum sum) const { return sum; }
};

struct Halves {
    int high, low;
};

// As 16-bit numbers in two halves of 8 bits, so that the product with codes is exact.
template <>
struct Query<signed char> {
    typedef Halves Sum;
    int chunks;
    float step;

    __device__ Query(const void* queries, const float* steps, int query, int chunks, int)
        : chunks(chunks), step(steps[query]) {
        const int4* mine = (const int4*)queries + (long long)query * 2 * chunks;
        for (int i = threadIdx.x; i < 2 * chunks; i += blockDim.x) block_memory[i] = mine[i];
        __syncthreads();
    }

    __device__ void add(Sum& sum, int4 row, int place) const {
        const int4 high = block_memory[place], low = block_memory[chunks + place];
        sum.high = __dp4a(row.x, high.x, __dp4a(row.y, high.y, sum.high));
        sum.high = __dp4a(row.z, high.z, __dp4a(row.w, high.w, sum.high));
        sum.low = __dp4a(row.x, low.x, __dp4a(row.y, low.y, sum.low));
        sum.low = __dp4a(row.z, low.z, __dp4a(row.w, low.w, sum.low));
    }

    __device__ float value(Sum sum) const {
        return step * fmaf(256.0f, (float)sum.high, (float)sum.low);
    }
};

// Calls `take(there, row, place, cosine)` with one row of a stretch for each lane, warps converged.
// Stretches are runs of rows, (first, length, place of the first among all cosines of the query).
template <typename T, typename Rows, typename Take>
__device__ void scan(const Query<T>& query, Rows rows, const float* scales,
                     const long long* stretches, long long first, long long last, Take take) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int team = lane / LANES, part = lane % LANES, chunks = rows.chunks();
    for (long long s = first + warp; s < last; s += WARPS) {
        const long long start = stretches[3 * s], place = stretches[3 * s + 2];
        const int length = (int)stretches[3 * s + 1];
        for (int begin = 0; begin < length; begin += FLIGHT * 32 / LANES) {
            long long row[FLIGHT];
            typename Query<T>::Sum sums[FLIGHT] = {};
#pragma unroll
            for (int i = 0; i < FLIGHT; ++i)
                row[i] = start + min(begin + i * 32 / LANES + team, length - 1);
#pragma unroll Rows::UNROLLED
            for (int chunk = part; chunk < chunks; chunk += LANES) {
                int4 read[FLIGHT];
#pragma unroll
                for (int i = 0; i < FLIGHT; ++i) read[i] = rows.chunk(row[i], chunk);
#pragma unroll
                for (int i = 0; i < FLIGHT; ++i) query.add(sums[i], read[i], chunk);
            }
            float mine = 0.0f;
#pragma unroll
            for (int i = 0; i < FLIGHT; ++i) {
                float sum = query.value(sums[i]);
                for (int step = LANES / 2; step; step /= 2) sum += __shfl_xor_sync(ALL, sum, step);
                if (part == i) mine = sum;
            }
            const int here = begin + part * 32 / LANES + team;
            const bool there = part < FLIGHT && here < length;
            if (there && scales) mine *= scales[start + here];
            take(there, start + here, place + here, mine);
        }
    }
}
