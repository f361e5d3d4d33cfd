// How far each memory answers a question: by its tokens, by its words, or by its neighbours in the
// order of learning; and the memories that do so best.
#include <tokens.cuh>

constexpr int REACH = 4;  // neighbours on either side that may answer

struct Ranking {
    float floor, after[REACH], before[REACH];
};

// What is known beside tokens. By unit: what its word counts beside a token and beside the whole.
// By occurrence of a word: its unit, its memory and how far it counts there. By memory, or null:
// `whole`, `rest`.
struct Evidence {
    const float *word_shares, *whole_shares;
    const int *units, *memories;
    const float *shares, *whole, *rest;

    __device__ float word_share(const Item& item, bool by_token, int unit) const {
        return (by_token ? word_shares : whole_shares)[item.unit + unit];
    }
};

// Whether the unit is answered by tokens; the memory as a whole stands for what has none.
__device__ inline bool is_by_token(const Units& units, const Slots& slots, int unit, int slot) {
    return slots.lengths[slot] > 0 && units.steps[unit] > 0.0f;
}

// Turns the maxima of each slot into how far it answers each unit, by tokens and by words.
__device__ void answer(const Item& item, const Units& units, const Slots& slots,
                       const Evidence& known, float floor) {
    const int stride = units.stride();
    const long long place = item.place + item.low - item.first;
    for (int slot = threadIdx.x; slot < slots.number; slot += blockDim.x) {
        const float whole = known.whole ? known.whole[place + slot] : 0.0f;
        for (int unit = 0; unit < units.number; ++unit) {
            float* cell = slots.maxima + slot * stride + unit;
            const bool by_token = is_by_token(units, slots, unit, slot);
            const float near = by_token ? (*cell - floor) / (1.0f - floor) : whole;
            const float left = 1.0f - known.word_share(item, by_token, unit);
            *cell = left * fminf(fmaxf(near, 0.0f), 1.0f);
        }
    }
    __syncthreads();
    for (long long i = item.word + threadIdx.x; i < item.past_word; i += blockDim.x) {
        const long long slot = item.origin + known.memories[i] - item.low;
        const int unit = known.units[i];
        if (slot < 0 || slot >= slots.number) continue;
        const bool by_token = is_by_token(units, slots, unit, (int)slot);
        slots.maxima[slot * stride + unit] +=
            known.word_share(item, by_token, unit) * known.shares[i];
    }
    __syncthreads();
}

// What counts of neighbours `distance` before (falling ids) or after a memory.
__device__ inline float share_of(const Item& item, const Slots& slots, const long long* ids,
                                 int slot, int distance, int reach, const float* shares) {
    const int other = slot + distance;
    if (other < 0 || other >= slots.number || ids[item.low + other] < 0) return 0.0f;
    const long long between = ids[item.low + slot] - ids[item.low + other];
    const long long gap = between < 0 ? -between : between;
    return gap >= 1 && gap <= reach ? shares[gap - 1] : 0.0f;
}

// The weighted sum over units of the most that the memory or a neighbour answers.
__device__ float matched(const Item& item, const Units& units, const Slots& slots,
                         const long long* ids, const float* weights, const Ranking* ranking,
                         int reach, int slot) {
    float before[REACH], after[REACH];
#pragma unroll
    for (int i = 0; i < REACH; ++i) {
        const int distance = i < reach ? i + 1 : slots.number;
        after[i] = share_of(item, slots, ids, slot, -distance, reach, ranking->after);
        before[i] = share_of(item, slots, ids, slot, distance, reach, ranking->before);
    }
    const int stride = units.stride();
    float sum = 0.0f;
    for (int unit = 0; unit < units.number; ++unit) {
        const float* cell = slots.maxima + slot * stride + unit;
        float most = *cell;
#pragma unroll
        for (int i = 0; i < REACH; ++i) {
            if (after[i] > 0.0f) most = fmaxf(most, after[i] * cell[-(i + 1) * stride]);
            if (before[i] > 0.0f) most = fmaxf(most, before[i] * cell[(i + 1) * stride]);
        }
        sum = fmaf(weights[item.unit + unit], most, sum);
    }
    return sum;
}

template <int R>
__device__ void best_of(const Item& item, const Units& units, const Slots& slots,
                        const Evidence& known, const long long* ids, const float* weights,
                        const Ranking* ranking, int reach, int k, float* top_scores,
                        long long* top_ids) {
    const long long memory = item.first + threadIdx.x;
    Best<R> best(k);
    Entry mine = nothing();
    if (memory < item.last && ids[memory] >= 0) {
        float score = matched(item, units, slots, ids, weights, ranking, reach,
                              (int)(memory - item.low));
        if (known.rest) {
            const float missing = (1.0f - score) * known.rest[item.place + threadIdx.x];
            score = fminf(fmaxf(1.0f - missing, 0.0f), 1.0f);
        }
        mine = {score, ids[memory]};
    }
    best.offer(mine);
    best.write(top_scores + (long long)blockIdx.x * k, top_ids + (long long)blockIdx.x * k);
}

// One block an item, no more memories of its own than threads. Writes its k best.
extern "C" __global__ void __launch_bounds__(32 * WARPS, 2)
    match_top(const signed char* codes, const float* scales, int width, int aligned, long long rows,
              const long long* starts, const long long* lengths, const long long* ids,
              const signed char* halves, const float* steps, const float* weights,
              const float* word_shares, const float* whole_shares, const int* word_units,
              const int* word_memories, const float* shares, const float* whole,
              const float* rest, const Ranking* ranking, int reach, const Item* items, int* fault,
              int k, float* top_scores, long long* top_ids) {
    const Item item = items[blockIdx.x];
    const Units units(halves, steps, item);
    const Tokens tokens = {codes, scales, rows, width, aligned != 0};
    const Evidence known = {word_shares, whole_shares, word_units, word_memories,
                            shares,      whole,        rest};
    Slots slots(item);
    slots.fill(item, {starts, lengths, ids}, tokens, fault);
    find_maxima(tokens, units, slots);
    answer(item, units, slots, known, ranking->floor);
    if (k <= 32)
        best_of<1>(item, units, slots, known, ids, weights, ranking, reach, k, top_scores, top_ids);
    else
        best_of<4>(item, units, slots, known, ids, weights, ranking, reach, k, top_scores, top_ids);
}
