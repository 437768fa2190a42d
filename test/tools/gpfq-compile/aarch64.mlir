// Libraries for AArch64 are made on any machine, run where the CPU has what they need, and say what it lacks elsewhere.

// REQUIRES: aarch64-emulator
// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: gpfq-compile net.mlir --targets=aarch64-dotprod,aarch64-i8mm,generic --parallel=host -o libnet.a
// RUN: gpfq-compile net.mlir --target=aarch64-i8mm -o libmatrix.a
// RUN: FileCheck net.mlir --check-prefix=HEADER < libnet.h
// RUN: llvm-objdump -d --no-show-raw-insn libnet.a | FileCheck net.mlir --check-prefix=CODE
// RUN: %aarch64-cc -std=c99 -Wall -Werror -static -I. -I%S/Inputs main.c libnet.a libmatrix.a -o run
// RUN: %aarch64-run -cpu max ./run yes
// RUN: %aarch64-run -cpu neoverse-n1 ./run no
// RUN: %aarch64-run -cpu cortex-a53 ./run no
// RUN: gpfq-compile net.mlir --target=aarch64-dotprod -o libnet.so
// RUN: llvm-readelf -h libnet.so | FileCheck net.mlir --check-prefix=ELF
// RUN: %if x86-host %{ not gpfq-compile net.mlir --target=aarch64-dotprod --parallel=pool -o libnet.so 2>&1 \
// RUN:   | FileCheck net.mlir --check-prefix=POOL %}

//--- net.mlir
// HEADER: Made by gpfq-compile for aarch64-i8mm, aarch64-dotprod, generic.
// CODE-DAG: {{usdot|sudot}} v{{[0-9]+}}.4s
// CODE-DAG: {{[^u]}}sdot v{{[0-9]+}}.4s
// ELF: Machine: AArch64
// POOL: error: a pool of threads needs the C library of this machine, whose architecture is not that of aarch64-unknown-linux-gnu; use --parallel=host

func.func @net(%x: tensor<8x64xi8>) -> tensor<8x32xi8> {
  %w = arith.constant dense<-3> : tensor<32x64xi8>
  %e = tensor.empty() : tensor<8x32xi8>
  %b = arith.constant dense<130.0> : tensor<32xf32>
  %s = arith.constant dense<0.00390625> : tensor<32xf32>
  %r = lowbit.matmul ins(%x, %w : tensor<8x64xi8>, tensor<32x64xi8>) fused(%s, %b : tensor<32xf32>, tensor<32xf32>)
      outs(%e : tensor<8x32xi8>) {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32, %scale: f32, %bias: f32):
    %low = arith.constant 0.0 : f32
    %high = arith.constant 255.0 : f32
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %scale : f32
    %2 = arith.addf %1, %bias : f32
    %3 = math.roundeven %2 : f32
    %4 = arith.cmpf ogt, %3, %low : f32
    %5 = arith.select %4, %3, %low : f32
    %6 = arith.cmpf olt, %5, %high : f32
    %7 = arith.select %6, %5, %high : f32
    %8 = arith.fptoui %7 : f32 to i8
    lowbit.yield %8 : i8
  } -> tensor<8x32xi8>
  return %r : tensor<8x32xi8>
}

//--- main.c
#include "libmatrix.h"
#include "libnet.h"
#include "run.h"
#include <stdint.h>
#include <string.h>

int main(int argc, char **argv) {
  static uint8_t input[8 * 64], actual[8 * 32];
  static char memory[NET_WORKSPACE_BYTES + MATRIX_WORKSPACE_BYTES + 64];
  void *workspace = memory + (-(uintptr_t)memory & 63);
  for (int i = 0; i < 8 * 64; ++i)
    input[i] = (uint8_t)(37 * i + i / 64);
  const void *inputs[] = {input};
  void *outputs[] = {actual};
  EXPECT(argc == 2 && net_check() == NULL);
  EXPECT(net_run(inputs, outputs, 1, workspace) == 0);
  for (int row = 0; row < 8; ++row) {
    int32_t sum = 0;
    for (int k = 0; k < 64; ++k)
      sum -= 3 * input[64 * row + k];
    /* To nearest, the even one of two: sums of 1/256. */
    int32_t scaled = sum + 130 * 256, rounded = scaled >> 8, rest = scaled & 255;
    rounded += rest > 128 || (rest == 128 && (rounded & 1));
    EXPECT(actual[32 * row] == (rounded < 0 ? 0 : rounded > 255 ? 255 : rounded));
    EXPECT(memcmp(actual + 32 * row, actual + 32 * row + 16, 16) == 0);
  }
  int has_matrix = strcmp(argv[1], "yes") == 0;
  if (has_matrix) {
    EXPECT(matrix_check() == NULL && matrix_run(inputs, outputs, 1, workspace) == 0);
  } else {
    EXPECT(strncmp(matrix_check(), "built for aarch64-i8mm: this CPU lacks ", 39) == 0);
    EXPECT(matrix_run(inputs, outputs, 1, workspace) == 4);
  }
  return 0;
}
