// The best of several lists of k, for each query its own.
#include <best.cuh>

template <int R>
__device__ void merge_lists(const float* scores, const long long* ids, long long first,
                            long long last, int k, float* top_scores, long long* top_ids) {
    Best<R> best(k);
    for (long long i = first * k; i < last * k; i += blockDim.x) {
        const long long mine = i + threadIdx.x;
        best.offer(mine < last * k ? Entry{scores[mine], ids[mine]} : nothing());
    }
    best.write(top_scores, top_ids);
}

// One block a query, whose lists are those from firsts[query] up to firsts[query + 1].
extern "C" __global__ void __launch_bounds__(32 * WARPS)
    merge(const float* scores, const long long* ids, const long long* firsts, int k,
          float* top_scores, long long* top_ids) {
    const long long first = firsts[blockIdx.x], last = firsts[blockIdx.x + 1];
    top_scores += (long long)blockIdx.x * k, top_ids += (long long)blockIdx.x * k;
    if (k <= 32)
        merge_lists<1>(scores, ids, first, last, k, top_scores, top_ids);
    else
        merge_lists<4>(scores, ids, first, last, k, top_scores, top_ids);
}
