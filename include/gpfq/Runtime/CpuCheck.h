// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/* Which features this CPU and its operating system have. C, freestanding: the file is compiled to
   bitcode for the baseline CPU and linked into every compiled library, and natively for the
   compiler and the tests. */

#ifndef GPFQ_RUNTIME_CPUCHECK_H
#define GPFQ_RUNTIME_CPUCHECK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words that tell the features of a CPU: registers of cpuid and xgetbv on x86, of the auxiliary
   vector of Linux on AArch64. */
enum {
  GPFQ_CPU_LEAF1_ECX,
  GPFQ_CPU_LEAF1_EDX,
  GPFQ_CPU_LEAF7_EBX,
  GPFQ_CPU_LEAF7_ECX,
  GPFQ_CPU_LEAF7_EDX,
  GPFQ_CPU_LEAF7_1_EAX,
  GPFQ_CPU_LEAF7_1_EDX,
  GPFQ_CPU_EXTENDED_ECX, /* leaf 0x80000001 */
  GPFQ_CPU_XCR0,         /* register states that the operating system saves */
  GPFQ_CPU_HWCAP,        /* of AArch64: AT_HWCAP */
  GPFQ_CPU_HWCAP2,       /* of AArch64: AT_HWCAP2 */
  GPFQ_CPU_WORDS
};

typedef struct {
  uint32_t word[GPFQ_CPU_WORDS];
} gpfq_cpu;

/* A feature in LLVM's spelling, the bit that tells it, and the register states that it uses (XCR0
 * mask). */
typedef struct {
  const char *name;
  uint32_t word, mask, state;
} gpfq_cpu_feature;

/* A feature that a library needs and what to say when the CPU, or the operating system, does not
 * have it. */
typedef struct {
  uint32_t word, mask, state;
  const char *lacks_feature, *lacks_state;
} gpfq_cpu_requirement;

/* The feature called `name`; NULL if it is unknown. */
const gpfq_cpu_feature *gpfq_cpu_find_feature(const char *name);

/* Asks the CPU or the operating system. The words of other architectures are zero. */
void gpfq_cpu_detect(gpfq_cpu *cpu);

/* The message of the first of `count` requirements that `cpu` does not meet; NULL if it meets all.
 */
const char *gpfq_cpu_check(const gpfq_cpu_requirement *requirements, int32_t count,
                           const gpfq_cpu *cpu);

#ifdef __cplusplus
}
#endif

#endif /* GPFQ_RUNTIME_CPUCHECK_H */
