// A library with kernels for several targets runs the best that its CPU can.

// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: gpfq-compile net.mlir --targets=generic,avx512vnni,avx2 -o net.o
// RUN: FileCheck net.mlir --check-prefix=HEADER < net.h
// RUN: llvm-objdump -d --no-show-raw-insn net.o | FileCheck net.mlir --check-prefix=CODE
// RUN: gpfq-compile net.mlir --target=generic -o plain.o
// RUN: %clang -std=c99 -Wall -Werror -I%gpfq_include -I%S/Inputs main.c net.o plain.o -o run && ./run
// RUN: %if x86-emulator %{ qemu-x86_64 -cpu Haswell ./run && qemu-x86_64 -cpu Nehalem ./run %}
// RUN: gpfq-compile net.mlir --targets=avx512vnni,avx2 -o net.o
// RUN: %clang -std=c99 -Wall -Werror -I%gpfq_include -I%S/Inputs -DNEEDS_AVX2 main.c net.o plain.o -o run && ./run

// RUN: not gpfq-compile net.mlir --targets=avx2,aarch64-i8mm -o net.o 2>&1 | FileCheck net.mlir --check-prefix=MIXED
// RUN: not gpfq-compile net.mlir --targets=avx2,z80 -o net.o 2>&1 | FileCheck net.mlir --check-prefix=UNKNOWN
// RUN: not gpfq-compile net.mlir --targets=avx2,generic --emit=packed -o - 2>&1 | FileCheck net.mlir --check-prefix=EMIT

//--- net.mlir
// HEADER: Made by gpfq-compile for avx512vnni, avx2, generic.
// CODE-DAG: vpdpbusd{{.*}}%zmm
// CODE-DAG: vpmaddubsw{{.*}}%ymm
// CODE-DAG: {{[[:space:]]}}paddd{{.*}}%xmm
// MIXED: error: targets 'avx2' and 'aarch64-i8mm' are of different architectures; compile a library for each
// UNKNOWN: error: unknown target 'z80'; known are host, znver4, avx512vpopcntdq, avx512vnni,
// EMIT: error: --emit=packed and --emit=llvm are of one target; give one with --target

func.func @net(%x: tensor<8x64xi8>) -> tensor<8x32xi32> {
  %w = arith.constant dense<-3> : tensor<32x64xi8>
  %e = tensor.empty() : tensor<8x32xi32>
  %b = arith.constant dense<5> : tensor<32xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<8x64xi8>, tensor<32x64xi8>) fused(%b : tensor<32xi32>)
      outs(%e : tensor<8x32xi32>) {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    lowbit.yield %s : i32
  } -> tensor<8x32xi32>
  return %r : tensor<8x32xi32>
}

//--- main.c
#include "gpfq/Runtime/CpuCheck.h"
#include "net.h"
#include "plain.h"
#include "run.h"
#include <string.h>

const char *net_check_cpu(const gpfq_cpu *cpu);

int main(void) {
  gpfq_cpu none, all;
  memset(&none, 0, sizeof(none));
  memset(&all, 0xff, sizeof(all));
  EXPECT(net_check_cpu(&all) == NULL);
  gpfq_cpu old = all;
  old.word[GPFQ_CPU_LEAF7_ECX] &= ~(1u << 11);
  EXPECT(net_check_cpu(&old) == NULL);
#ifdef NEEDS_AVX2
  EXPECT(strstr(net_check_cpu(&none), "built for avx512vnni, avx2: this CPU lacks avx") != NULL);
  if (net_check() != NULL)
    return 0;
#else
  EXPECT(net_check_cpu(&none) == NULL && net_check() == NULL);
#endif

  static uint8_t input[8 * 64];
  static int32_t actual[8 * 32], expected[8 * 32];
  static char memory[NET_WORKSPACE_BYTES + PLAIN_WORKSPACE_BYTES + 64];
  void *workspace = memory + (-(uintptr_t)memory & 63);
  for (int i = 0; i < 8 * 64; ++i)
    input[i] = (uint8_t)(37 * i);
  const void *inputs[] = {input};
  void *outputs[] = {actual}, *wanted[] = {expected};
  EXPECT(net_run(inputs, outputs, 1, workspace) == 0);
  EXPECT(plain_run(inputs, wanted, 1, workspace) == 0);
  EXPECT(memcmp(actual, expected, sizeof(actual)) == 0);
  int32_t sum = 5;
  for (int k = 0; k < 64; ++k)
    sum -= 3 * input[k];
  EXPECT(actual[0] == sum);
  return 0;
}
