// A library for a CPU with AVX-512 VNNI says which of its features a CPU lacks; the features are those of an argument.

// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: gpfq-compile net.mlir --float --target=avx512vnni -o net.o
// RUN: gpfq-compile net.mlir --float --target=generic -o plain.o
// RUN: %clang -std=c99 -Wall -Werror -I%gpfq_include -I%S/Inputs main.c net.o plain.o -o check
// RUN: ./check

//--- net.mlir
func.func @f(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}

//--- main.c
#include "gpfq/Runtime/CpuCheck.h"
#include "run.h"
#include <string.h>

const char *net_check_cpu(const gpfq_cpu *cpu);
const char *net_check(void);
const char *plain_check_cpu(const gpfq_cpu *cpu);
const char *plain_check(void);

int main(void) {
  gpfq_cpu none, all;
  memset(&none, 0, sizeof(none));
  memset(&all, 0xff, sizeof(all));
  EXPECT(net_check_cpu(&all) == NULL);
  EXPECT(strstr(net_check_cpu(&none), "built for avx512vnni: this CPU lacks ") != NULL);
  EXPECT(plain_check_cpu(&none) == NULL && plain_check() == NULL);

  /* Without AVX-512 VNNI. */
  gpfq_cpu cpu = all;
  cpu.word[GPFQ_CPU_LEAF7_ECX] &= ~(1u << 11);
  EXPECT(strcmp(net_check_cpu(&cpu), "built for avx512vnni: this CPU lacks avx512vnni") == 0);

  /* An operating system that saves ymm but not zmm registers. */
  cpu = all;
  cpu.word[GPFQ_CPU_XCR0] = 0x7;
  EXPECT(strstr(net_check_cpu(&cpu), "the operating system does not enable the registers of avx512") != NULL);

  /* This CPU, whatever it is: no crash, and the same answer as for its own features. */
  return net_check() == net_check() ? 0 : 1;
}
