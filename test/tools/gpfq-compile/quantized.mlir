// A quantised network (level 2) at all levels, and as libraries: packed kernels and plain loops give the same bits.

// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: gpfq-compile net.mlir --emit=integer -o - | FileCheck net.mlir --check-prefix=INTEGER
// RUN: gpfq-compile net.mlir --emit=packed --target=generic -o packed.mlir
// RUN: FileCheck net.mlir --check-prefix=PACKED < packed.mlir
// RUN: gpfq-compile net.mlir --emit=llvm -o - | FileCheck net.mlir --check-prefix=LLVM

// RUN: gpfq-compile net.mlir --name=packed -o packed.o --report=report.json
// RUN: gpfq-compile net.mlir --name=generic --target=generic -o generic.o
// RUN: gpfq-compile net.mlir --name=plain --reference -o plain.o
// RUN: gpfq-compile packed.mlir --name=twostep --target=generic -o twostep.o
// RUN: FileCheck net.mlir --check-prefix=REPORT < report.json
// RUN: %clang -std=c99 -Wall -Werror -I. -I%S/Inputs main.c packed.o generic.o plain.o twostep.o -o program
// RUN: ./program

//--- net.mlir
// INTEGER: lowbit.conv_2d
// INTEGER-NOT: lowbit.dequantize
// PACKED: lowbit.conv_2d {{.*}}#lowbit.layout<"generic"
// LLVM: llvm.func @net
// LLVM-NOT: lowbit.conv_2d

// REPORT: "layers": []
// REPORT: "model_sha256": "{{[0-9a-f]+}}"
// REPORT: "compile_seconds":
// REPORT: "float_left": []
// REPORT: "float_weight_bytes": {{[1-9]}}
// REPORT: "live_bytes": [[#LIVE:]]
// REPORT: "peak_memory_bytes": {{[1-9]}}
// REPORT: "weight_bytes": {{[1-9]}}
// REPORT: "workspace_bytes": [[#]]

func.func @net(%x: tensor<1x6x5x4xf32>) -> tensor<1x6x5x8xf32> {
  %levels = arith.constant dense<[
    [[[1, -2, 3, -4]]], [[[0, 7, -7, 1]]], [[[5, 5, -5, 2]]], [[[1, 1, 1, 1]]],
    [[[-1, 2, -3, 4]]], [[[3, 0, 0, -6]]], [[[2, -2, 2, -2]]], [[[-7, -7, 7, 7]]]]> : tensor<8x1x1x4xi8>
  %sw = arith.constant dense<[0.5, 0.25, 0.125, 1.0, 0.1, 0.2, 0.3, 0.4]> : tensor<8xf32>
  %sx = arith.constant dense<0.05> : tensor<1xf32>
  %bias = arith.constant dense<[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]> : tensor<8xf32>
  %q = lowbit.quantize %x, %sx zero_point 100 : tensor<1x6x5x4xf32>, tensor<1xf32> -> tensor<1x6x5x4xi8>
  %d = lowbit.dequantize %q, %sx zero_point 100 : tensor<1x6x5x4xi8>, tensor<1xf32> -> tensor<1x6x5x4xf32>
  %w = lowbit.dequantize %levels, %sw axis 0 alphabet <mid_tread, [7]> layer "conv"
    : tensor<8x1x1x4xi8>, tensor<8xf32> -> tensor<8x1x1x4xf32>
  %e = tensor.empty() : tensor<1x6x5x8xf32>
  %b = linalg.broadcast ins(%bias : tensor<8xf32>) outs(%e : tensor<1x6x5x8xf32>) dimensions = [0, 1, 2]
  %y = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%d, %w : tensor<1x6x5x4xf32>, tensor<8x1x1x4xf32>) outs(%b : tensor<1x6x5x8xf32>) -> tensor<1x6x5x8xf32>
  return %y : tensor<1x6x5x8xf32>
}

//--- main.c
#include "generic.h"
#include "packed.h"
#include "plain.h"
#include "run.h"
#include "twostep.h"
#include <string.h>

int main(void) {
  const gpfq_model_info *models[] = {plain_info(), generic_info(), packed_info(), twostep_info()};
  static _Alignas(64) char workspace[1 << 16];
  static float x[6 * 5 * 4], expected[6 * 5 * 8], y[6 * 5 * 8];
  for (int i = 0; i < 6 * 5 * 4; ++i)
    x[i] = (i * 37 % 101 - 40) * 0.1f;
  const void *inputs[] = {x};
  for (int m = 0; m < 4; ++m) {
    void *outputs[] = {m == 0 ? expected : y};
    EXPECT(models[m]->workspace_bytes <= sizeof(workspace) && models[m]->check() == NULL);
    EXPECT(models[m]->run(inputs, outputs, 1, workspace) == 0);
    EXPECT(m == 0 || memcmp(expected, y, sizeof(y)) == 0);
  }
  /* Channel 3 is the sum of the inputs, in steps of 0.05, and 0.4. */
  float sum = 0.4f;
  for (int c = 0; c < 4; ++c)
    sum += x[c];
  EXPECT(expected[3] > sum - 0.11f && expected[3] < sum + 0.11f);
  return 0;
}
