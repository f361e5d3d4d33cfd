// Few vectors for the many of a text: means of clusters by Ward's criterion, as int8 codes. What
// `semvec.tokens.pooled` defines, in the same rounds and with the same choices between equals.
#include <states.cuh>

// A block's memory. A cluster has the number of its first vector, and is gone when it joins another.
struct Clusters {
    float* sums;   // rows of p numbers
    float* costs;  // of each with each, square
    float* sizes;  // 0 for what is gone
    float* least;  // cost of joining the nearest
    int* nearest;  // -1 for what is gone
    int* joins;    // 1 for those that their nearest joins
    int* fresh;    // 1 for what has changed
    int number, p;

    __device__ Clusters(int number, int p) : number(number), p(p) {
        sums = (float*)block_memory;
        costs = sums + number * p;
        sizes = costs + number * number, least = sizes + number;
        nearest = (int*)(least + number), joins = nearest + number, fresh = joins + number;
    }

    __device__ void take(const float* vectors, const int* rows, const float* weights) const {
        for (int i = threadIdx.x; i < number * p; i += blockDim.x)
            sums[i] = weights[i / p] * vectors[(long long)rows[i / p] * p + i % p];
        for (int i = threadIdx.x; i < number; i += blockDim.x) sizes[i] = weights[i], fresh[i] = 1;
        __syncthreads();
    }

    // What joining adds to the sum of squares within, where one of the two has changed.
    __device__ void compare() const {
        const int lane = threadIdx.x % 32;
        for (int pair = threadIdx.x / 32; pair < number * number; pair += blockDim.x / 32) {
            const int i = pair / number, j = pair % number;
            if (i >= j || sizes[i] == 0.0f || sizes[j] == 0.0f || !(fresh[i] | fresh[j])) continue;
            float apart = 0.0f;
            for (int n = lane; n < p; n += 32) {
                const float step = sums[i * p + n] / sizes[i] - sums[j * p + n] / sizes[j];
                apart = fmaf(step, step, apart);
            }
            apart = over_warp(apart) * (sizes[i] * sizes[j] / (sizes[i] + sizes[j]));
            if (lane == 0) costs[i * number + j] = costs[j * number + i] = apart;
        }
        __syncthreads();
    }

    __device__ void find_nearest() const {
        for (int i = threadIdx.x; i < number; i += blockDim.x) {
            int best = -1;
            for (int j = 0; j < number && sizes[i] > 0.0f; ++j)
                if (j != i && sizes[j] > 0.0f &&
                    (best < 0 || costs[i * number + j] < costs[i * number + best]))
                    best = j;
            nearest[i] = best, least[i] = best < 0 ? 0.0f : costs[i * number + best], fresh[i] = 0;
        }
        __syncthreads();
    }

    // Of two that are each other's nearest, the first.
    __device__ bool leads(int i) const {
        return nearest[i] > i && nearest[nearest[i]] == i;
    }

    __device__ bool cheaper(int i, int j) const {
        return least[i] < least[j] || (least[i] == least[j] && i < j);
    }

    // Marks the cheapest pairs, at most `room` of them, and says how many. Where equal costs run in
    // a ring and there is no pair, the cheapest cluster joins its nearest.
    __device__ int choose(int room) const {
        int pairs = 0;
        for (int i = 0; i < number; ++i) pairs += leads(i);
        for (int i = threadIdx.x; i < number; i += blockDim.x) {
            int before = 0;
            for (int j = 0; j < number; ++j)
                before += nearest[j] >= 0 && (pairs == 0 || leads(j)) && cheaper(j, i);
            const bool offered = nearest[i] >= 0 && (pairs == 0 || leads(i));
            joins[i] = offered && before < (pairs == 0 ? 1 : room);
        }
        __syncthreads();
        return pairs == 0 ? 1 : min(pairs, room);
    }

    __device__ void join() const {
        for (int i = threadIdx.x / 32; i < number; i += blockDim.x / 32) {
            if (!joins[i]) continue;
            const int other = nearest[i];
            for (int n = threadIdx.x % 32; n < p; n += 32) sums[i * p + n] += sums[other * p + n];
            if (threadIdx.x % 32 == 0) sizes[i] += sizes[other], sizes[other] = 0.0f, fresh[i] = 1;
        }
        __syncthreads();
    }

    __device__ void write(signed char* codes) const {
        const int lane = threadIdx.x % 32;
        for (int i = threadIdx.x / 32; i < number; i += blockDim.x / 32) {
            if (sizes[i] == 0.0f) continue;
            int before = 0;
            for (int j = 0; j < i; ++j) before += sizes[j] > 0.0f;
            float largest = 0.0f;
            for (int n = lane; n < p; n += 32) largest = fmaxf(largest, fabsf(sums[i * p + n]));
            for (int step = 16; step; step /= 2)
                largest = fmaxf(largest, __shfl_xor_sync(ALL, largest, step));
            const float step = largest > 0.0f ? 127.0f / largest : 0.0f;
            for (int n = lane; n < p; n += 32)
                codes[before * p + n] = (signed char)rintf(sums[i * p + n] * step);
        }
    }
};

// One block a text, of whose vectors `rows` lists those from firsts[text] up to the next, with
// their weights, above 0. As many codes are written as there is room for in the same way.
extern "C" __global__ void __launch_bounds__(256)
    clustered(const float* vectors, int p, const int* rows, const float* weights, const int* firsts,
              const int* rooms, signed char* codes) {
    const int first = firsts[blockIdx.x], number = firsts[blockIdx.x + 1] - first;
    const int begin = rooms[blockIdx.x], kept = rooms[blockIdx.x + 1] - begin;
    if (kept == 0) return;
    const Clusters clusters(number, p);
    clusters.take(vectors, rows + first, weights + first);
    for (int left = number; left > kept;) {
        clusters.compare();
        clusters.find_nearest();
        left -= clusters.choose(left - kept);
        clusters.join();
    }
    clusters.write(codes + (long long)begin * p);
}
