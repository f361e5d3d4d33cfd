// Cosines of many queries, each to rows of its own.
#include <cosine.cuh>

// An item is one block's work: (query, its first stretch, past its last one).
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
