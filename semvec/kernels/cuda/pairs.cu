// Pairs of rows, int8 codes, that are at least so near: one tile of 64 by 64 pairs a block.
#include <chunks.cuh>

constexpr int SIDE = 64;  // rows on each side of a tile
constexpr int SLAB = 64;  // numbers of a row that are in the block's memory at once
constexpr int THREADS = 128;

// Rows from `left` and from `right` on, past neither end. In a `triangle`, only pairs whose right
// row comes after the left one.
struct Tile {
    long long left, left_end, right, right_end, triangle;
};

struct Sides {
    int4 rows[2][SIDE][SLAB / 16];
};

template <bool ALIGNED>
__device__ void load(Sides& sides, Matrix<ALIGNED> codes, const long long* const (&lists)[2],
                     const int (&numbers)[2], int slab) {
    const int chunk = threadIdx.x % 4, place = slab * SLAB + 16 * chunk;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const int side = i / 2, row = threadIdx.x / 4 + 32 * (i % 2);
        const bool there = row < numbers[side] && place < codes.bytes;
        const char* from = codes.base + (there ? lists[side][row] * codes.bytes + place : 0);
        int4* to = &sides.rows[side][row][chunk];
        if (ALIGNED)
            copy_ahead(to, from, there);
        else
            *to = pieced(from, there ? codes.bytes - place : 0);
    }
    commit_copies();
}

template <bool ALIGNED>
__device__ void compare(Matrix<ALIGNED> codes, const float* scales, const long long* lefts,
                        const long long* rights, const Tile& tile, float threshold,
                        long long capacity, unsigned long long* number, long long* found,
                        float* cosines) {
    Sides* sides = (Sides*)block_memory;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
    const int numbers[2] = {(int)min((long long)SIDE, tile.left_end - tile.left),
                            (int)min((long long)SIDE, tile.right_end - tile.right)};
    const long long* const lists[2] = {lefts + tile.left, rights + tile.right};
    const int slabs = (codes.bytes + SLAB - 1) / SLAB, down = warp / 2 * 32, along = warp % 2 * 32;
    int sums[2][4][4] = {};
    load(sides[0], codes, lists, numbers, 0);
    for (int slab = 0; slab < slabs; ++slab) {
        load(sides[(slab + 1) % 2], codes, lists, numbers, slab + 1);
        await_copies<1>();
        __syncthreads();
        const Sides& here = sides[slab % 2];
        int4 a[2][2], b[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            a[i / 2][i % 2] = here.rows[0][down + 8 * i + g][c];
            b[i] = here.rows[1][along + 8 * i + g][c];
        }
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const int4 first = a[i / 4][0], second = a[i / 4][1], column = b[i % 4];
            multiply(sums[i / 4][i % 4], first.x, second.x, first.y, second.y, column.x, column.y);
            multiply(sums[i / 4][i % 4], first.z, second.z, first.w, second.w, column.z, column.w);
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        const int row = down + 16 * (i / 16) + 8 * (i / 2 % 2) + g;
        const int column = along + 8 * (i / 4 % 4) + 2 * c + i % 2;
        if (row >= numbers[0] || column >= numbers[1]) continue;
        if (tile.triangle && tile.right + column <= tile.left + row) continue;
        float cosine = (float)sums[i / 16][i / 4 % 4][i % 4];
        if (scales) cosine *= scales[lists[0][row]] * scales[lists[1][column]];
        if (cosine < threshold) continue;
        const unsigned long long place = atomicAdd(number, 1ull);
        if (place >= capacity) continue;
        found[2 * place] = tile.left + row, found[2 * place + 1] = tile.right + column;
        cosines[place] = cosine;
    }
}

// `number` counts all pairs; the first `capacity` are written, in no order, as places in the lists.
extern "C" __global__ void __launch_bounds__(THREADS)
    pairs(const char* codes, const float* scales, int d, int aligned, const long long* lefts,
          const long long* rights, const Tile* tiles, float threshold, long long capacity,
          unsigned long long* number, long long* found, float* cosines) {
    const Tile tile = tiles[blockIdx.x];
    if (aligned)
        compare(Matrix<true>{codes, d}, scales, lefts, rights, tile, threshold, capacity, number,
                found, cosines);
    else
        compare(Matrix<false>{codes, d}, scales, lefts, rights, tile, threshold, capacity, number,
                found, cosines);
}
