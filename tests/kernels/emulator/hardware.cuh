// Runs CUDA C on the CPU, one block after the other, so that kernels can be tested where there is
// no device. Threads are fibers that run until they wait. Copies in the background happen when they
// are waited for and not before, or at once, and a block's memory begins as noise.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)

using std::max;
using std::min;

struct int4 { int x, y, z, w; };
struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct Dim { unsigned x, y; };
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

static Dim threadIdx, blockIdx, blockDim;
alignas(16) static int4 block_memory[5120];

struct Copy { void* to; const void* from; size_t size; };
struct Fiber {
    ucontext_t begin;
    jmp_buf here;
    bool started = false, done = false;
    std::vector<std::vector<Copy>> batches{1};
};
struct Barrier { int waiting = 0; long turns = 0; };
struct Warp {
    Barrier barrier;
    long long values[32];
    int a[32][4], b[32][2];
};

constexpr int MOST_THREADS = 256, STACK = 1 << 16;
alignas(16) static char stacks[MOST_THREADS][STACK];
static std::vector<Fiber> fibers;
static std::vector<Warp> warps;
static Barrier block_barrier;
static std::function<void()> body;
static jmp_buf scheduler;
static unsigned current;
static long progress;

static void need(bool holds, const char* or_else) {
    if (!holds) fprintf(stderr, "%s\n", or_else), abort();
}

static void leave() {
    if (!_setjmp(fibers[current].here)) _longjmp(scheduler, 1);
}

static void wait(Barrier& barrier, int number) {
    const long turn = barrier.turns;
    if (++barrier.waiting == number) {
        barrier.waiting = 0, ++barrier.turns, ++progress;
        return;
    }
    while (barrier.turns == turn) leave();
}

static void run_fiber() {
    body();
    fibers[current].done = true, ++progress;
    _longjmp(scheduler, 1);
}

static bool hasty;

static void run_fiber_on() {
    Fiber& fiber = fibers[current];
    if (fiber.done) return;
    threadIdx.x = current;
    if (_setjmp(scheduler)) return;
    if (fiber.started) _longjmp(fiber.here, 1);
    fiber.started = true;
    getcontext(&fiber.begin);
    fiber.begin.uc_stack.ss_sp = stacks[current];
    fiber.begin.uc_stack.ss_size = STACK;
    makecontext(&fiber.begin, run_fiber, 0);
    setcontext(&fiber.begin);
}

// Every other block is `hasty`: the last warp goes first and as far as it can before the next one,
// and copies arrive at once. What is read too early or overwritten too soon shows in one kind of
// block or in the other.
static void run_block(unsigned threads, size_t shared) {
    fibers.clear(), fibers.resize(threads);
    warps.assign(threads / 32, Warp());
    block_barrier = Barrier();
    memset(block_memory, 0xcd, sizeof block_memory);
    for (long before = -1; before != progress;) {
        before = progress;
        for (unsigned turn = 0; turn < threads / 32; ++turn) {
            const unsigned warp = hasty ? threads / 32 - 1 - turn : turn;
            long until;
            do {
                until = progress;
                for (current = 32 * warp; current < 32 * warp + 32; ++current) run_fiber_on();
            } while (hasty && until != progress);
        }
    }
    for (const Fiber& fiber : fibers) need(fiber.done, "threads wait for each other");
    const unsigned char* bytes = (const unsigned char*)block_memory;
    const bool beyond = std::any_of(bytes + shared, bytes + sizeof block_memory,
                                    [](unsigned char byte) { return byte != 0xcd; });
    need(!beyond, "a block writes past its memory");
}

template <typename... A, size_t... I>
static void emulate(void (*kernel)(A...), const int* grid, void** arguments,
                    std::index_sequence<I...>) {
    body = [=] { kernel(*(A*)arguments[I]...); };
    blockDim.x = grid[2];
    for (blockIdx.y = 0; blockIdx.y < (unsigned)grid[1]; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < (unsigned)grid[0]; ++blockIdx.x)
            hasty = (blockIdx.x + blockIdx.y) % 2, run_block(blockDim.x, grid[3]);
}

// `grid`: blocks along x, along y, threads of a block, bytes of its memory.
template <typename... A>
static void emulate(void (*kernel)(A...), const int* grid, void** arguments) {
    emulate(kernel, grid, arguments, std::index_sequence_for<A...>());
}
#define EMULATED(KERNEL)                                                  \
    extern "C" void emulated_##KERNEL(const int* grid, void** arguments) { \
        emulate(KERNEL, grid, arguments);                                  \
    }

inline Warp& my_warp() { return warps[threadIdx.x / 32]; }
inline void __syncwarp() { wait(my_warp().barrier, 32); }
inline void __syncthreads() {
    wait(block_barrier, std::count_if(fibers.begin(), fibers.end(),
                                      [](const Fiber& each) { return !each.done; }));
}

template <typename T>
inline T __shfl_sync(unsigned, T mine, int lane) {
    Warp& warp = my_warp();
    memcpy(&warp.values[threadIdx.x % 32], &mine, sizeof mine);
    __syncwarp();
    memcpy(&mine, &warp.values[lane & 31], sizeof mine);
    __syncwarp();
    return mine;
}
template <typename T>
inline T __shfl_xor_sync(unsigned all, T mine, int mask) {
    return __shfl_sync(all, mine, (threadIdx.x % 32) ^ mask);
}
template <typename T>
inline T __shfl_up_sync(unsigned all, T mine, int by) {
    const int lane = threadIdx.x % 32;
    return __shfl_sync(all, mine, lane < by ? lane : lane - by);
}
inline unsigned __ballot_sync(unsigned, bool mine) {
    Warp& warp = my_warp();
    warp.values[threadIdx.x % 32] = mine;
    __syncwarp();
    unsigned votes = 0;
    for (int lane = 0; lane < 32; ++lane) votes |= (unsigned)warp.values[lane] << lane;
    __syncwarp();
    return votes;
}
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline float __int_as_float(int bits) {
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}
inline signed char byte_of(int word, int place) { return (signed char)(word >> 8 * place); }
inline int __dp4a(int a, int b, int sum) {
    for (int i = 0; i < 4; ++i) sum += byte_of(a, i) * byte_of(b, i);
    return sum;
}

typedef unsigned short Half;
inline float widened(Half number) {
    _Float16 half;
    memcpy(&half, &number, sizeof half);
    return (float)half;
}
inline Half narrowed(float number) {
    const _Float16 half = (_Float16)number;
    Half bits;
    memcpy(&bits, &half, sizeof bits);
    return bits;
}
inline int4 streamed(const void* from) {
    need((size_t)from % 16 == 0, "a load of 16 bytes begins elsewhere");
    return *(const int4*)from;
}
inline int4 loaded(const void* from) { return streamed(from); }
inline void stored(void* to, int4 chunk) {
    need((size_t)to % 16 == 0, "16 bytes are stored elsewhere");
    memcpy(to, &chunk, sizeof chunk);
}
inline void arrive(const Copy& copy) {
    memset(copy.to, 0, copy.size);
    if (copy.from) memcpy(copy.to, copy.from, copy.size);
}
inline void copy_of(void* to, const void* from, size_t size, bool there) {
    need((size_t)to % size == 0 && (size_t)from % size == 0, "a copy begins elsewhere");
    const Copy copy = {to, there ? from : nullptr, size};
    hasty ? arrive(copy) : fibers[current].batches.back().push_back(copy);
}
inline void copy_ahead(void* to, const void* from, bool there) { copy_of(to, from, 16, there); }
inline void copy_ahead(float* to, const float* from, bool there) { copy_of(to, from, 4, there); }
inline void commit_copies() { fibers[current].batches.emplace_back(); }
template <int BATCHES>
inline void await_copies() {
    auto& batches = fibers[current].batches;
    for (size_t i = 0; i + BATCHES + 1 < batches.size(); ++i) {
        for (const Copy& each : batches[i]) arrive(each);
        batches[i].clear();
    }
}
inline void multiply(int (&sum)[4], int a0, int a1, int a2, int a3, int b0, int b1) {
    Warp& warp = my_warp();
    const int lane = threadIdx.x % 32, a[4] = {a0, a1, a2, a3}, b[2] = {b0, b1};
    memcpy(warp.a[lane], a, sizeof a), memcpy(warp.b[lane], b, sizeof b);
    __syncwarp();
    for (int i = 0; i < 4; ++i) {
        const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
        for (int k = 0; k < 32; ++k) {
            const int part = k / 16, owner = k % 16 / 4;
            const int left = warp.a[row % 8 * 4 + owner][row / 8 + 2 * part];
            sum[i] += byte_of(left, k % 4) * byte_of(warp.b[column * 4 + owner][part], k % 4);
        }
    }
    __syncwarp();
}
inline void multiply(float (&sum)[4], int a0, int a1, int a2, int a3, int b0, int b1) {
    Warp& warp = my_warp();
    const int lane = threadIdx.x % 32, a[4] = {a0, a1, a2, a3}, b[2] = {b0, b1};
    memcpy(warp.a[lane], a, sizeof a), memcpy(warp.b[lane], b, sizeof b);
    __syncwarp();
    for (int i = 0; i < 4; ++i) {
        const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
        for (int k = 0; k < 16; ++k) {
            const int part = k / 8, owner = k % 8 / 2;
            const int left = warp.a[row % 8 * 4 + owner][row / 8 + 2 * part];
            const int right = warp.b[column * 4 + owner][part];
            sum[i] += widened((Half)(left >> 16 * (k % 2))) * widened((Half)(right >> 16 * (k % 2)));
        }
    }
    __syncwarp();
}
