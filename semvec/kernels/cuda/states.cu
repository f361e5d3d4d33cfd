// Hidden states of an encoder between its matrix products. One warp a token, eight a block.
#include <states.cuh>

// What the first layer takes: the word's row plus that of its place in its window, normed.
extern "C" __global__ void __launch_bounds__(256)
    embedded(const Half* words, const Half* places, const int* ids, const int* at, long long tokens,
             int d, const float* gain, const float* offset, float epsilon, Half* found) {
    const long long token = row_of_warp();
    if (token >= tokens) return;
    State state(d);
    state.add(words + (long long)ids[token] * d);
    state.add(places + (long long)at[token] * d);
    state.write_normed(gain, offset, epsilon, found + token * d);
}

// What a layer adds, its bias, and what went into it, normed; written over that.
extern "C" __global__ void __launch_bounds__(256)
    residual(const Half* added, const float* bias, long long tokens, int d, const float* gain,
             const float* offset, float epsilon, Half* states) {
    const long long token = row_of_warp();
    if (token >= tokens) return;
    State state(d);
    state.add(added + token * d);
    state.add(bias);
    state.add(states + token * d);
    state.write_normed(gain, offset, epsilon, states + token * d);
}

// GELU with the error function (Hendrycks and Gimpel, 2016) of values plus bias, in place: eight
// numbers a thread.
extern "C" __global__ void __launch_bounds__(256)
    gelu(const float* bias, long long tokens, int d, Half* values) {
    const long long place = EIGHT * ((long long)blockIdx.x * blockDim.x + threadIdx.x);
    if (place >= tokens * d) return;
    const float* added = bias + place % d;
    float numbers[EIGHT];
    unpack(loaded(values + place), numbers);
#pragma unroll
    for (int i = 0; i < EIGHT; ++i) {
        const float x = numbers[i] + added[i];
        numbers[i] = 0.5f * x * (1.0f + erff(x * 0.70710678f));
    }
    stored(values + place, packed(numbers));
}

// Chosen rows at unit length.
extern "C" __global__ void __launch_bounds__(256)
    units(const Half* rows, const int* chosen, long long number, int d, float* found) {
    const long long place = row_of_warp();
    if (place >= number) return;
    State state(d);
    state.add(rows + (long long)chosen[place] * d);
    state.write_unit(found + place * d);
}

// The sum of `lengths[text]` states from `starts[text]` on, at unit length. One block a text.
extern "C" __global__ void __launch_bounds__(256)
    pooled(const Half* states, const int* starts, const int* lengths, int d, float* found) {
    float* partial = (float*)block_memory;  // a row for each warp
    const int warp = threadIdx.x / 32, warps = blockDim.x / 32;
    const Half* first = states + (long long)starts[blockIdx.x] * d;
    State state(d);
    for (int token = warp; token < lengths[blockIdx.x]; token += warps)
        state.add(first + (long long)token * d);
    state.each([&](int place, float(&mine)[EIGHT]) {
#pragma unroll
        for (int i = 0; i < EIGHT; ++i) partial[warp * d + place + i] = mine[i];
    });
    __syncthreads();
    if (warp > 0) return;
    for (int other = 1; other < warps; ++other) state.add(partial + other * d);
    state.write_unit(found + (long long)blockIdx.x * d);
}
