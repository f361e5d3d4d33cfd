// What the hardware does and C++ has no word for: halves, streaming loads, copies that run ahead,
// tensor cores. Everything else of these kernels is plain C++ over a grid of threads.
#pragma once

typedef unsigned short Half;

extern __shared__ int4 block_memory[];

__device__ inline float widened(Half number) {
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(number));
    return wide;
}

__device__ inline Half narrowed(float number) {
    Half half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(number));
    return half;
}

// 16 bytes that no one reads again.
__device__ inline int4 streamed(const void* from) {
    int4 got;
    asm("ld.global.nc.L1::no_allocate.L2::128B.v4.s32 {%0, %1, %2, %3}, [%4];"
        : "=r"(got.x), "=r"(got.y), "=r"(got.z), "=r"(got.w)
        : "l"(from));
    return got;
}

// 16 bytes at a multiple of 16, read and written.
__device__ inline int4 loaded(const void* from) { return *(const int4*)from; }
__device__ inline void stored(void* to, int4 chunk) { *(int4*)to = chunk; }

// 16 bytes into shared memory in the background; where they are not `there`, zeros.
__device__ inline void copy_ahead(void* to, const void* from, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     (unsigned)__cvta_generic_to_shared(to)),
                 "l"(from), "r"(there ? 16 : 0)
                 : "memory");
}

__device__ inline void copy_ahead(float* to, const float* from, bool there) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(
                     (unsigned)__cvta_generic_to_shared(to)),
                 "l"(from), "r"(there ? 4 : 0)
                 : "memory");
}

// Ends a batch of this thread's copies.
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Until all but the latest batches of this thread's copies have arrived.
template <int BATCHES>
__device__ inline void await_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(BATCHES) : "memory");
}

// sum += A B for a warp, m16n8k32, int8. With g = lane / 4 and c = lane % 4, words of four bytes:
// `a` has columns 4c of rows g and g + 8, then columns 16 + 4c of the same; `b` rows 4c and 16 + 4c
// of column g; `sum` columns 2c and 2c + 1 of row g, then of row g + 8.
__device__ inline void multiply(int (&sum)[4], int a0, int a1, int a2, int a3, int b0, int b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// The same of halves with sums in float, m16n8k16: words of two halves, `a` with columns 2c and
// 2c + 1 of rows g and g + 8, then columns 8 + 2c and 9 + 2c of the same; `b` rows 2c and 2c + 1,
// then 8 + 2c and 9 + 2c, of column g; `sum` as above.
__device__ inline void multiply(float (&sum)[4], int a0, int a1, int a2, int a3, int b0, int b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
