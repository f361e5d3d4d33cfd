// Attention within windows of tokens that lie one after the other, nothing padded. A warp takes 16
// tokens of one head past all keys of their window and keeps everything in registers: the softmax
// runs along (Milakov and Gimelshein, 2018), as in FlashAttention (Dao et al., 2022).
#include <states.cuh>

// Tokens from `begin` on, at most 16, of a window of `length` tokens from `first` on.
struct Tile {
    int first, length, begin;
};

// What a lane takes of a value: its share of the D numbers of a head.
template <int D>
struct alignas(D / 4) Value {
    Half numbers[D / 8];
};

// 16 bytes of a query with its bias, in units of log2.
__device__ inline int4 biased(int4 chunk, const float* bias, float scale) {
    float numbers[EIGHT];
    unpack(chunk, numbers);
#pragma unroll
    for (int i = 0; i < EIGHT; ++i) numbers[i] = (numbers[i] + bias[i]) * scale;
    return packed(numbers);
}

// A query's highest score so far, and the sum of its weights relative to that.
struct Softmax {
    float highest = -__int_as_float(0x7f800000), total = 0.0f;

    // Turns four scores into weights; what was summed before shrinks by the number returned.
    __device__ float weigh(float& a, float& b, float& c, float& d) {
        float most = fmaxf(highest, fmaxf(fmaxf(a, b), fmaxf(c, d)));
        most = fmaxf(most, __shfl_xor_sync(ALL, most, 1));
        most = fmaxf(most, __shfl_xor_sync(ALL, most, 2));
        const float shrink = exp2f(highest - most);
        a = exp2f(a - most), b = exp2f(b - most), c = exp2f(c - most), d = exp2f(d - most);
        total = total * shrink + a + b + c + d;
        highest = most;
        return shrink;
    }

    __device__ float sum() const {
        const float two = total + __shfl_xor_sync(ALL, total, 1);
        return two + __shfl_xor_sync(ALL, two, 2);
    }
};

// With g = lane / 4 and c = lane % 4, a lane loads numbers 8c to 8c + 7 of each 32 of a query or
// key, and numbers D/8 g to D/8 g + D/8 - 1 of a value. The order of numbers in a product is free,
// if it is the same on both sides, and so is the order of its columns.
template <int D>
__device__ void attend(const Half* states, const float* biases, const Tile& tile, int head,
                       int heads, float scale, Half* found) {
    constexpr int STEPS = D / 32, COLUMNS = D / 8;
    const int lane = threadIdx.x % 32, g = lane / 4, c = lane % 4, width = heads * D;
    const long long stride = 3 * width;
    const Half* queries = states + tile.first * stride + head * D;
    const Half *keys = queries + width, *values = keys + width;
    int4 query[2][STEPS];
#pragma unroll
    for (int side = 0; side < 2; ++side)
#pragma unroll
        for (int step = 0; step < STEPS; ++step) {
            const int row = min(tile.begin + 8 * side + g, tile.length - 1);
            const int place = 32 * step + EIGHT * c;
            query[side][step] = biased(loaded(queries + row * stride + place),
                                       biases + head * D + place, scale);
        }
    Softmax softmax[2];
    float sums[COLUMNS][4] = {};
    for (int from = 0; from < tile.length; from += 16) {
        float scores[2][4] = {};
#pragma unroll
        for (int part = 0; part < 2; ++part) {
            const int row = min(from + 8 * part + g, tile.length - 1);
#pragma unroll
            for (int step = 0; step < STEPS; ++step) {
                const int4 a = query[0][step], b = query[1][step];
                const int4 key = loaded(keys + row * stride + 32 * step + EIGHT * c);
                multiply(scores[part], a.x, b.x, a.y, b.y, key.x, key.y);
                multiply(scores[part], a.z, b.z, a.w, b.w, key.z, key.w);
            }
#pragma unroll
            for (int i = 0; i < 4; ++i)
                if (from + 8 * part + 2 * c + i % 2 >= tile.length)
                    scores[part][i] = -__int_as_float(0x7f800000);
        }
        int weights[2][2];  // of a part and a side
#pragma unroll
        for (int side = 0; side < 2; ++side) {
            float(&first)[4] = scores[0], (&second)[4] = scores[1];
            const int i = 2 * side;
            const float shrink =
                softmax[side].weigh(first[i], first[i + 1], second[i], second[i + 1]);
            weights[0][side] = both(first[i], first[i + 1]);
            weights[1][side] = both(second[i], second[i + 1]);
#pragma unroll
            for (int column = 0; column < COLUMNS; ++column)
                sums[column][i] *= shrink, sums[column][i + 1] *= shrink;
        }
        Value<D> value[2][2];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int row = min(from + 8 * (i / 2) + 2 * c + i % 2, tile.length - 1);
            value[i / 2][i % 2] = *(const Value<D>*)(values + row * stride + COLUMNS * g);
        }
#pragma unroll
        for (int column = 0; column < COLUMNS; ++column)
            multiply(sums[column], weights[0][0], weights[0][1], weights[1][0], weights[1][1],
                     both(value[0][0].numbers[column], value[0][1].numbers[column]),
                     both(value[1][0].numbers[column], value[1][1].numbers[column]));
    }
    // Columns 2c and 2c + 1 of every product are D/4 numbers in a row. Weights sum to 1, so that
    // the values' bias is added once; the keys' changes no weight at all.
    const int place = head * D + D / 4 * c;
    const float* bias = biases + 2 * width + place;
#pragma unroll
    for (int side = 0; side < 2; ++side) {
        const int row = tile.begin + 8 * side + g;
        const float total = softmax[side].sum();
        if (row >= tile.length) continue;
        Half* to = found + (tile.first + row) * (long long)width + place;
#pragma unroll
        for (int step = 0; step < STEPS; ++step) {
            float numbers[EIGHT];
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) {
                const int number = EIGHT * step + i;
                const float sum = sums[number % COLUMNS][2 * side + number / COLUMNS];
                numbers[i] = sum / total + bias[number];
            }
            stored(to + EIGHT * step, packed(numbers));
        }
    }
}

template <int D>
__device__ void attend_tile(const Half* states, const float* biases, const Tile* tiles, int number,
                            int heads, float scale, Half* found) {
    const long long job = row_of_warp();
    if (job >= (long long)number * heads) return;
    attend<D>(states, biases, tiles[job / heads], (int)(job % heads), heads, scale, found);
}

// `states`: each token's queries, keys and values, `heads` of D numbers each, without `biases`.
// `scale` turns products into exponents of 2.
extern "C" __global__ void __launch_bounds__(256, 2)
    heads_32(const Half* states, const float* biases, const Tile* tiles, int number, int heads,
             float scale, Half* found) {
    attend_tile<32>(states, biases, tiles, number, heads, scale, found);
}

extern "C" __global__ void __launch_bounds__(256, 2)
    heads_64(const Half* states, const float* biases, const Tile* tiles, int number, int heads,
             float scale, Half* found) {
    attend_tile<64>(states, biases, tiles, number, heads, scale, found);
}
