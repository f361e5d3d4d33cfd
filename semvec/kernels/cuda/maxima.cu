// The highest cosine of every unit of a question to any token of each memory: all of them.
#include <tokens.cuh>

// One block an item. What is found of a memory's units lies together.
extern "C" __global__ void __launch_bounds__(32 * WARPS, 2)
    maxima(const signed char* codes, const float* scales, int width, int aligned, long long rows,
           const long long* starts, const long long* lengths, const long long* ids,
           const signed char* halves, const float* steps, const Item* items, int* fault,
           float* found) {
    const Item item = items[blockIdx.x];
    const Units units(halves, steps, item);
    const Tokens tokens = {codes, scales, rows, width, aligned != 0};
    Slots slots(item);
    slots.fill(item, {starts, lengths, ids}, tokens, fault);
    find_maxima(tokens, units, slots);
    for (int i = threadIdx.x; i < slots.number * units.number; i += blockDim.x)
        found[item.place + i] =
            slots.maxima[i / units.number * units.stride() + i % units.number];
}
