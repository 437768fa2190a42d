/* Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "gpfq/Runtime/CpuCheck.h"

const char *gpfq_cpu_check(const gpfq_cpu_requirement *requirements, int32_t count,
                           const gpfq_cpu *cpu) {
  for (int32_t i = 0; i < count; ++i) {
    const gpfq_cpu_requirement *r = &requirements[i];
    if ((cpu->word[r->word] & r->mask) != r->mask)
      return r->lacks_feature;
    if ((cpu->word[GPFQ_CPU_XCR0] & r->state) != r->state)
      return r->lacks_state;
  }
  return 0;
}

#if defined(__x86_64__)

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c,
                  uint32_t *d) {
  __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(subleaf));
}

void gpfq_cpu_detect(gpfq_cpu *cpu) {
  const uint32_t osxsave = 1u << 27;
  uint32_t *w = cpu->word;
  uint32_t a, b, c, d, subleaves, last, lastExtended;
  for (int i = 0; i < GPFQ_CPU_WORDS; ++i)
    w[i] = 0;
  cpuid(0, 0, &last, &b, &c, &d);
  cpuid(1, 0, &a, &b, &w[GPFQ_CPU_LEAF1_ECX], &w[GPFQ_CPU_LEAF1_EDX]);
  if (last >= 7) {
    cpuid(7, 0, &subleaves, &w[GPFQ_CPU_LEAF7_EBX], &w[GPFQ_CPU_LEAF7_ECX], &w[GPFQ_CPU_LEAF7_EDX]);
    if (subleaves >= 1)
      cpuid(7, 1, &w[GPFQ_CPU_LEAF7_1_EAX], &b, &c, &w[GPFQ_CPU_LEAF7_1_EDX]);
  }
  cpuid(0x80000000u, 0, &lastExtended, &b, &c, &d);
  if (lastExtended >= 0x80000001u)
    cpuid(0x80000001u, 0, &a, &b, &w[GPFQ_CPU_EXTENDED_ECX], &d);
  /* xgetbv is itself an illegal instruction unless the operating system has enabled it. */
  if (w[GPFQ_CPU_LEAF1_ECX] & osxsave)
    __asm__ volatile("xgetbv" : "=a"(w[GPFQ_CPU_XCR0]), "=d"(d) : "c"(0));
}

#elif defined(__aarch64__) && defined(__linux__)

/* Of the C library: glibc, musl and bionic have it. */
unsigned long getauxval(unsigned long type);

void gpfq_cpu_detect(gpfq_cpu *cpu) {
  const unsigned long at_hwcap = 16, at_hwcap2 = 26;
  for (int i = 0; i < GPFQ_CPU_WORDS; ++i)
    cpu->word[i] = 0;
  cpu->word[GPFQ_CPU_HWCAP] = (uint32_t)getauxval(at_hwcap);
  cpu->word[GPFQ_CPU_HWCAP2] = (uint32_t)getauxval(at_hwcap2);
}

#else

void gpfq_cpu_detect(gpfq_cpu *cpu) {
  for (int i = 0; i < GPFQ_CPU_WORDS; ++i)
    cpu->word[i] = 0;
}

#endif
