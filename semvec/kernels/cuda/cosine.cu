// Cosines of many queries, each to rows of its own, and the best of them.
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

// An item is one block's work: (query, its first stretch, past its last one).
template <int R, bool ALIGNED>
__device__ void best_of(Matrix<ALIGNED> rows, const float* scales, const long long* ids, int d,
                        const void* queries, const float* steps, const long long* stretches,
                        const long long* item, int k, float* top_scores, long long* top_ids) {
    const Query<ROW> query(queries, steps, (int)item[0], rows.chunks(), d);
    Best<R> best(k);
    scan(query, rows, scales, stretches, item[1], item[2],
         [&](bool there, long long row, long long, float cosine) {
             Entry mine = nothing();
             if (there && cosine >= best.worst.score && ids[row] >= 0) mine = {cosine, ids[row]};
             best.offer(mine);
         });
    best.write(top_scores + (long long)blockIdx.x * k, top_ids + (long long)blockIdx.x * k);
}

// Writes the k best of each item.
extern "C" __global__ void __launch_bounds__(32 * WARPS, 2)
    cosine_top(const char* values, const float* scales, int d, int aligned, const long long* ids,
               const void* queries, const float* steps, const long long* stretches,
               const long long* items, int k, float* top_scores, long long* top_ids) {
    const long long* item = items + 3 * blockIdx.x;
    const int bytes = d * (int)sizeof(ROW);
    if (!aligned)
        best_of<4>(Matrix<false>{values, bytes}, scales, ids, d, queries, steps, stretches, item, k,
                   top_scores, top_ids);
    else if (k <= 32)
        best_of<1>(Matrix<true>{values, bytes}, scales, ids, d, queries, steps, stretches, item, k,
                   top_scores, top_ids);
    else
        best_of<4>(Matrix<true>{values, bytes}, scales, ids, d, queries, steps, stretches, item, k,
                   top_scores, top_ids);
}

template <bool ALIGNED>
__device__ void all_of(Matrix<ALIGNED> rows, const float* scales, int d, const void* queries,
                       const float* steps, const long long* stretches, const long long* item,
                       float* found) {
    const Query<ROW> query(queries, steps, (int)item[0], rows.chunks(), d);
    scan(query, rows, scales, stretches, item[1], item[2],
         [&](bool there, long long, long long place, float cosine) {
             if (there) found[place] = cosine;
         });
}

// Writes every cosine where its stretch says.
extern "C" __global__ void __launch_bounds__(32 * WARPS, 2)
    cosines(const char* values, const float* scales, int d, int aligned, const void* queries,
            const float* steps, const long long* stretches, const long long* items, float* found) {
    const long long* item = items + 3 * blockIdx.x;
    const int bytes = d * (int)sizeof(ROW);
    if (aligned)
        all_of(Matrix<true>{values, bytes}, scales, d, queries, steps, stretches, item, found);
    else
        all_of(Matrix<false>{values, bytes}, scales, d, queries, steps, stretches, item, found);
}
