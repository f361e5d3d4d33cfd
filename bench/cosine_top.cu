// The rows with the highest cosines to each of many queries, each among rows of its own.
#include <cosine.cuh>

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
