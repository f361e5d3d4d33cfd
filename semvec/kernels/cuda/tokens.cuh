// How near the tokens of memories are to the units of a question, for one block.
#pragma once
#include <best.cuh>
#include <chunks.cuh>

constexpr int WIDTH = 128;    // numbers of a token vector, zeros past its own
constexpr int TILE = 8;       // token rows that are multiplied at once
constexpr int STAGES = 4;     // tiles of a warp that are on their way or in use
constexpr int UNIT_TILE = 16; // units that are multiplied at once

struct Tokens {
    const signed char* codes;
    const float* scales;
    long long rows;
    int width;
    bool aligned;
};

// Where the tokens of each memory lie: at `starts`, as many as `lengths`. An id below 0: no memory.
struct Spans {
    const long long* starts;
    const long long* lengths;
    const long long* ids;
};

// One block's work: memories from `low` up to `high` are compared, and those from `first` up to
// `last` are its own, with neighbours around them. `origin` is the question's first memory, `place`
// where its own ones begin in what is written; its occurrences of words are those from `word` up to
// `past_word`.
struct Item {
    long long unit, units, low, high, first, last, origin, place, word, past_word;
};

// A question's units in two int8 halves of WIDTH each, high and low, times `steps`.
struct Units {
    const signed char* halves;
    const float* steps;
    int number;

    __device__ Units(const signed char* all, const float* steps, const Item& item)
        : halves(all + item.unit * 2 * WIDTH), steps(steps + item.unit), number((int)item.units) {}

    __device__ int4 chunk(int unit, int half, int place) const {
        if (unit >= number) return make_int4(0, 0, 0, 0);
        return ((const int4*)halves)[(2 * unit + half) * (WIDTH / 16) + place];
    }
    // Numbers between two memories' maxima: odd, so that neighbouring lanes meet no common bank.
    __device__ int stride() const { return (number + UNIT_TILE - 1) / UNIT_TILE * UNIT_TILE + 1; }
};

struct Stage {
    int4 halves[2][32];
    float scales[TILE];
};

// What a block holds of its memories.
struct Slots {
    Stage* stages;
    long long* starts;
    int* lengths;
    float* maxima;
    int number;

    __device__ Slots(const Item& item) : number((int)(item.high - item.low)) {
        stages = (Stage*)block_memory;
        starts = (long long*)(stages + WARPS * STAGES);
        lengths = (int*)(starts + number);
        maxima = (float*)(lengths + number);
    }

    // `fault` is raised where a memory's tokens are not among the rows; it counts as without any.
    __device__ void fill(const Item& item, const Spans& spans, const Tokens& tokens, int* fault) {
        for (int i = threadIdx.x; i < number; i += blockDim.x) {
            long long start = spans.starts[item.low + i], length = spans.lengths[item.low + i];
            if (spans.ids[item.low + i] < 0) length = 0;
            if (length < 0 || length > 0x7fffffff || start < 0 || start > tokens.rows - length) {
                if (length) *fault = 1;
                length = 0;
            }
            starts[i] = start, lengths[i] = (int)length;
        }
        __syncthreads();
    }
};

__device__ inline int tiles_of(int length) { return max(1, (length + TILE - 1) / TILE); }

// Tile after tile of the memories of a warp: every `stride`-th from the first on.
struct Tiles {
    int slot, stride, tile;

    __device__ void advance(const Slots& slots) {
        if (++tile < tiles_of(slots.lengths[slot])) return;
        tile = 0, slot += stride;
    }
};

// Each lane copies the 32 bytes that it will multiply: with g = lane / 4 and c = lane % 4, chunks c
// and c + 4 of row g. The order of numbers in a product is free, if it is the same on both sides.
__device__ inline void fetch(Stage& stage, const Tokens& tokens, const Slots& slots,
                             const Tiles& next) {
    if (next.slot < slots.number) {
        const int lane = threadIdx.x % 32, left = slots.lengths[next.slot] - TILE * next.tile;
        const long long first = slots.starts[next.slot] + TILE * next.tile, row = first + lane / 4;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int place = 16 * (lane % 4) + 64 * half;
            const bool there = lane / 4 < left && place < tokens.width;
            const char* from = (const char*)tokens.codes + (there ? row * tokens.width + place : 0);
            int4* to = &stage.halves[half][lane];
            if (tokens.aligned)
                copy_ahead(to, from, there);
            else
                *to = pieced(from, there ? tokens.width - place : 0);
        }
        if (lane < TILE) {
            const bool there = lane < left;
            copy_ahead(&stage.scales[lane], tokens.scales + (there ? first + lane : 0), there);
        }
    }
    commit_copies();
}

// slots.maxima[slot * stride + unit] = the highest cosine of the unit to any token of the memory,
// at least 0. Each warp keeps 32 units in registers and takes memory by memory.
__device__ void find_maxima(const Tokens& tokens, const Units& units, const Slots& slots) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
    const int stride = units.stride();
    const int groups = max(1, (stride + 30) / 32), group = warp % groups;
    const int first_unit = 32 * group, unit_tiles = min(2, (stride - first_unit) / UNIT_TILE);
    int4 mine[2][2][2][2];  // unit tile, row g or g + 8, high or low, chunk c or c + 4
#pragma unroll
    for (int i = 0; i < 16; ++i) {
        const int unit = first_unit + UNIT_TILE * (i / 8) + 8 * (i / 4 % 2) + g;
        mine[i / 8][i / 4 % 2][i / 2 % 2][i % 2] = units.chunk(unit, i / 2 % 2, c + 4 * (i % 2));
    }
    Stage* stages = slots.stages + warp * STAGES;
    Tiles now = {warp / groups, (WARPS - 1 - group) / groups + 1, 0}, next = now;
#pragma unroll
    for (int i = 0; i < STAGES - 1; ++i) {
        fetch(stages[i], tokens, slots, next);
        if (next.slot < slots.number) next.advance(slots);
    }
    float best[2][2] = {};
    for (int turn = 0; now.slot < slots.number; turn = (turn + 1) % STAGES) {
        await_copies<STAGES - 2>();
        __syncwarp();
        const Stage& stage = stages[turn];
        const float2 scale = *(const float2*)&stage.scales[2 * c];
        const int4 rows[2] = {stage.halves[0][lane], stage.halves[1][lane]};
        fetch(stages[(turn + STAGES - 1) % STAGES], tokens, slots, next);
        if (next.slot < slots.number) next.advance(slots);
#pragma unroll
        for (int tile = 0; tile < 2; ++tile) {
            if (tile >= unit_tiles) break;
            int sums[2][4] = {};
#pragma unroll
            for (int chunk = 0; chunk < 2; ++chunk)
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    const int4 a = mine[tile][0][half][chunk], b = mine[tile][1][half][chunk];
                    multiply(sums[half], a.x, b.x, a.y, b.y, rows[chunk].x, rows[chunk].y);
                    multiply(sums[half], a.z, b.z, a.w, b.w, rows[chunk].z, rows[chunk].w);
                }
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float sum = fmaf(256.0f, (float)sums[0][i], (float)sums[1][i]);
                best[tile][i / 2] = fmaxf(best[tile][i / 2], sum * (i % 2 ? scale.y : scale.x));
            }
        }
        const int slot = now.slot;
        now.advance(slots);
        if (now.slot == slot) continue;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            float most = best[i / 2][i % 2];
            most = fmaxf(most, __shfl_xor_sync(ALL, most, 1));
            most = fmaxf(most, __shfl_xor_sync(ALL, most, 2));
            best[i / 2][i % 2] = 0.0f;
            const int unit = first_unit + UNIT_TILE * (i / 2) + 8 * (i % 2) + g;
            if (c == 0 && unit < units.number)
                slots.maxima[slot * stride + unit] = most * units.steps[unit];
        }
    }
    __syncthreads();
}
