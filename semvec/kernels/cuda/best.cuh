// The k best of what a warp is offered, kept in its registers.
#pragma once
#include <hardware.cuh>

constexpr int WARPS = 8;
constexpr unsigned ALL = 0xffffffffu;

struct Entry {
    float score;
    long long id;
};

__device__ inline Entry nothing() { return {-__int_as_float(0x7f800000), -1}; }

// By falling score, ties by the newer id.
__device__ inline bool ahead(Entry a, Entry b) {
    return a.score > b.score || (a.score == b.score && a.id > b.id);
}

__device__ inline Entry from_lane(Entry entry, int lane) {
    return {__shfl_sync(ALL, entry.score, lane), __shfl_sync(ALL, entry.id, lane)};
}

__device__ inline Entry from_before(Entry entry) {
    return {__shfl_up_sync(ALL, entry.score, 1), __shfl_up_sync(ALL, entry.id, 1)};
}

// The 32 R best, k of which count: the i-th is held[i / 32] of lane i % 32. What is not ahead of
// `worst` cannot matter: the k-th, or the last one where a number would have to choose a register.
template <int R>
struct Best {
    Entry held[R];
    Entry worst;
    int k;

    __device__ explicit Best(int k) : worst(nothing()), k(k) {
        for (Entry& each : held) each = nothing();
    }

    // Each lane offers one entry or nothing().
    __device__ __forceinline__ void offer(Entry mine) {
        unsigned left = __ballot_sync(ALL, ahead(mine, worst));
        while (left) {
            insert(from_lane(mine, __ffs(left) - 1));
            left = left & (left - 1) & __ballot_sync(ALL, ahead(mine, worst));
        }
    }

    __device__ __forceinline__ void insert(Entry entry) {
        const int lane = threadIdx.x % 32;
        int place = 0;
#pragma unroll
        for (int r = 0; r < R; ++r) place += __popc(__ballot_sync(ALL, ahead(held[r], entry)));
#pragma unroll
        for (int r = R - 1; r >= 0; --r) {
            Entry before = from_before(held[r]);
            if (r > 0) {
                Entry last = from_lane(held[r - 1], 31);
                if (lane == 0) before = last;
            }
            if (32 * r + lane > place) held[r] = before;
            if (32 * r + lane == place) held[r] = entry;
        }
        worst = from_lane(held[R - 1], R == 1 ? k - 1 : 31);
    }

    // The k best of all warps of the block, written to `scores` and `ids`. Overwrites the block's
    // memory.
    __device__ __forceinline__ void write(float* scores, long long* ids) {
        Entry* lists = (Entry*)block_memory;
        const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
        __syncthreads();
#pragma unroll
        for (int r = 0; r < R; ++r) lists[32 * (R * warp + r) + lane] = held[r];
        __syncthreads();
        if (warp > 0) return;
        for (int other = 1; other < WARPS; ++other)
            for (int i = 0; i < k; i += 32)
                offer(i + lane < k ? lists[32 * R * other + i + lane] : nothing());
#pragma unroll
        for (int r = 0; r < R; ++r)
            if (32 * r + lane < k) {
                scores[32 * r + lane] = held[r].score;
                ids[32 * r + lane] = held[r].id;
            }
    }
};
