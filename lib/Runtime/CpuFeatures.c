/* Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Bits as in Intel's Software Developer's Manual, volume 2A, CPUID, and AMD's manual, volume 3,
 * appendix E; for AArch64 as in Linux' Documentation/arch/arm64/elf_hwcaps.rst. */

#include "gpfq/Runtime/CpuCheck.h"

#include <string.h>

#define YMM 0x6u  /* SSE and AVX state */
#define ZMM 0xe6u /* and opmask, upper halves and registers 16 to 31 */

static const gpfq_cpu_feature features[] = {
    {"sse3", GPFQ_CPU_LEAF1_ECX, 1u << 0, 0},
    {"ssse3", GPFQ_CPU_LEAF1_ECX, 1u << 9, 0},
    {"fma", GPFQ_CPU_LEAF1_ECX, 1u << 12, YMM},
    {"cx16", GPFQ_CPU_LEAF1_ECX, 1u << 13, 0},
    {"sse4.1", GPFQ_CPU_LEAF1_ECX, 1u << 19, 0},
    {"sse4.2", GPFQ_CPU_LEAF1_ECX, 1u << 20, 0},
    {"movbe", GPFQ_CPU_LEAF1_ECX, 1u << 22, 0},
    {"popcnt", GPFQ_CPU_LEAF1_ECX, 1u << 23, 0},
    {"avx", GPFQ_CPU_LEAF1_ECX, 1u << 28, YMM},
    {"f16c", GPFQ_CPU_LEAF1_ECX, 1u << 29, YMM},
    {"bmi", GPFQ_CPU_LEAF7_EBX, 1u << 3, 0},
    {"avx2", GPFQ_CPU_LEAF7_EBX, 1u << 5, YMM},
    {"bmi2", GPFQ_CPU_LEAF7_EBX, 1u << 8, 0},
    {"avx512f", GPFQ_CPU_LEAF7_EBX, 1u << 16, ZMM},
    {"avx512dq", GPFQ_CPU_LEAF7_EBX, 1u << 17, ZMM},
    {"avx512cd", GPFQ_CPU_LEAF7_EBX, 1u << 28, ZMM},
    {"avx512bw", GPFQ_CPU_LEAF7_EBX, 1u << 30, ZMM},
    {"avx512vl", GPFQ_CPU_LEAF7_EBX, 1u << 31, ZMM},
    {"avx512vbmi", GPFQ_CPU_LEAF7_ECX, 1u << 1, ZMM},
    {"avx512vbmi2", GPFQ_CPU_LEAF7_ECX, 1u << 6, ZMM},
    {"gfni", GPFQ_CPU_LEAF7_ECX, 1u << 8, 0},
    {"avx512vnni", GPFQ_CPU_LEAF7_ECX, 1u << 11, ZMM},
    {"avx512bitalg", GPFQ_CPU_LEAF7_ECX, 1u << 12, ZMM},
    {"avx512vpopcntdq", GPFQ_CPU_LEAF7_ECX, 1u << 14, ZMM},
    {"avxvnni", GPFQ_CPU_LEAF7_1_EAX, 1u << 4, YMM},
    {"avxvnniint8", GPFQ_CPU_LEAF7_1_EDX, 1u << 4, YMM},
    {"lzcnt", GPFQ_CPU_EXTENDED_ECX, 1u << 5, 0},
    {"sse4a", GPFQ_CPU_EXTENDED_ECX, 1u << 6, 0},
    {"dotprod", GPFQ_CPU_HWCAP, 1u << 20, 0},
    {"i8mm", GPFQ_CPU_HWCAP2, 1u << 13, 0},
};

const gpfq_cpu_feature *gpfq_cpu_find_feature(const char *name) {
  for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); ++i)
    if (strcmp(features[i].name, name) == 0)
      return &features[i];
  return 0;
}
