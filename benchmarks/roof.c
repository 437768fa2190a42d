/* Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * What this core can do at most: chains of one kind of multiply-add in registers, and a stopwatch
 * for compiled libraries. Loaded by kernels.py; compiled with -mavx2 -mfma. */
#include <stdint.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

#define REPEAT12(I) I(0) I(1) I(2) I(3) I(4) I(5) I(6) I(7) I(8) I(9) I(10) I(11)
#define CLOBBERS                                                                                   \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",         \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc"
#define CHAIN(name, I)                                                                             \
  static void name(long n) {                                                                       \
    __asm__ volatile("1:\n\t" REPEAT12(I) REPEAT12(I) "dec %0\n\tjnz 1b" : "+r"(n)::CLOBBERS);     \
  }
/* Exact for |level| <= 64: pairs of products as i16, pairs of those as i32. */
#define BYTE_PAIRS(i)                                                                              \
  "vpmaddubsw %%ymm15,%%ymm14,%%ymm13\n\tvpmaddwd %%ymm13,%%ymm12,%%ymm13\n\tvpaddd "              \
  "%%ymm13,%%ymm" #i ",%%ymm" #i "\n\t"
/* The sums of several pairs stay in i16: few bits only. */
#define WORD_SUMS(i)                                                                               \
  "vpmaddubsw %%ymm15,%%ymm14,%%ymm13\n\tvpaddw %%ymm13,%%ymm" #i ",%%ymm" #i "\n\t"
#define WORD_PAIRS(i)                                                                              \
  "vpmaddwd %%ymm15,%%ymm14,%%ymm13\n\tvpaddd %%ymm13,%%ymm" #i ",%%ymm" #i "\n\t"
#define FMA(i) "vfmadd231ps %%ymm15,%%ymm14,%%ymm" #i "\n\t"
#define VPDPBUSD256(i) "%{vex%} vpdpbusd %%ymm15,%%ymm14,%%ymm" #i "\n\t"
#define VPDPBUSD512(i) "vpdpbusd %%zmm15,%%zmm14,%%zmm" #i "\n\t"
#define SIGNS(i)                                                                                   \
  "vpxorq %%zmm15,%%zmm14,%%zmm13\n\tvpopcntq %%zmm13,%%zmm13\n\tvpaddq "                          \
  "%%zmm13,%%zmm" #i ",%%zmm" #i "\n\t"
CHAIN(byte_pairs, BYTE_PAIRS)
CHAIN(word_sums, WORD_SUMS)
CHAIN(word_pairs, WORD_PAIRS)
CHAIN(fma_chain, FMA)
CHAIN(vpdpbusd256, VPDPBUSD256)
CHAIN(vpdpbusd512, VPDPBUSD512)
CHAIN(signs512, SIGNS)

/* Operations (a multiplication or an addition each) that an instruction of a chain stands for. */
static const struct {
  void (*run)(long);
  double operations;
} chains[] = {{byte_pairs, 64},  {word_sums, 64},    {word_pairs, 32}, {fma_chain, 16},
              {vpdpbusd256, 64}, {vpdpbusd512, 128}, {signs512, 1024}};

/* 1e9 operations a second of a chain: one short burst. */
double roof_burst(int chain) {
  long n = 2000;
  double start = now();
  chains[chain].run(n);
  return n * 24 * chains[chain].operations / (now() - start) * 1e-9;
}

/* Seconds of reading `bytes` bytes, a multiple of 256: what a product with one row does at least.
 */
double read_burst(const void *memory, long bytes) {
  const char *at = memory, *end = at + bytes;
  double start = now();
  __asm__ volatile(
      "1:\n\tvmovdqu (%0),%%ymm0\n\tvmovdqu 32(%0),%%ymm1\n\tvmovdqu 64(%0),%%ymm2\n\t"
      "vmovdqu 96(%0),%%ymm3\n\tvmovdqu 128(%0),%%ymm4\n\tvmovdqu 160(%0),%%ymm5\n\t"
      "vmovdqu 192(%0),%%ymm6\n\tvmovdqu 224(%0),%%ymm7\n\tadd $256,%0\n\tcmp %1,%0\n\tjb 1b"
      : "+r"(at)
      : "r"(end)
      : CLOBBERS, "memory");
  return now() - start;
}

typedef int32_t run_function(const void *const *, void *const *, int64_t, void *);

/* Seconds of one call, over a burst of `calls`. */
double run_burst(run_function *run, const void *const *inputs, void *const *outputs,
                 void *workspace, long calls) {
  double start = now();
  for (long i = 0; i < calls; ++i)
    run(inputs, outputs, 1, workspace);
  return (now() - start) / calls;
}

typedef int32_t run_parallel_function(const void *const *, void *const *, int64_t, void *, void *);

/* The same on the threads of `pool`. */
double run_parallel_burst(run_parallel_function *run, const void *const *inputs,
                          void *const *outputs, void *workspace, void *pool, long calls) {
  double start = now();
  for (long i = 0; i < calls; ++i)
    run(inputs, outputs, 1, workspace, pool);
  return (now() - start) / calls;
}
