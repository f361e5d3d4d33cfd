// MaxSim: the weighted sum over units of their highest cosines, and the memories with most of it.
#include <tokens.cuh>

template <int R>
__device__ void best_of(const Item& item, const Units& units, const Slots& slots,
                        const float* weights, const long long* ids, int k, float* top_scores,
                        long long* top_ids) {
    const int slot = threadIdx.x;
    Best<R> best(k);
    Entry mine = nothing();
    if (slot < slots.number && ids[item.low + slot] >= 0) {
        float sum = 0.0f;
        for (int unit = 0; unit < units.number; ++unit)
            sum = fmaf(weights[item.unit + unit], slots.maxima[slot * units.stride() + unit], sum);
        mine = {sum, ids[item.low + slot]};
    }
    best.offer(mine);
    best.write(top_scores + (long long)blockIdx.x * k, top_ids + (long long)blockIdx.x * k);
}

// One block an item, no more memories than threads. Writes its k best.
extern "C" __global__ void __launch_bounds__(32 * WARPS, 2)
    maxsim_top(const signed char* codes, const float* scales, int width, int aligned,
               long long rows, const long long* starts, const long long* lengths,
               const long long* ids, const signed char* halves, const float* steps,
               const float* weights, const Item* items, int* fault, int k, float* top_scores,
               long long* top_ids) {
    const Item item = items[blockIdx.x];
    const Units units(halves, steps, item);
    const Tokens tokens = {codes, scales, rows, width, aligned != 0};
    Slots slots(item);
    slots.fill(item, {starts, lengths, ids}, tokens, fault);
    find_maxima(tokens, units, slots);
    if (k <= 32)
        best_of<1>(item, units, slots, weights, ids, k, top_scores, top_ids);
    else
        best_of<4>(item, units, slots, weights, ids, k, top_scores, top_ids);
}
