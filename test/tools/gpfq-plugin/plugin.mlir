// Debian's mlir-opt with the plugin: dialect, passes and pipelines, and from a float network to the LLVM dialect.

// UNSUPPORTED: sanitizers
// RUN: %python %S/../../Inputs/make_npy.py %t.npy 16x4
// RUN: mlir-opt %s --load-pass-plugin=%gpfq_plugin --load-dialect-plugin=%gpfq_plugin \
// RUN:     --pass-pipeline="builtin.module(gpfq-quantize{calibration=%t.npy weight-bits=3},lowbit-fuse)" > %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: mlir-opt %t.mlir --load-pass-plugin=%gpfq_plugin --load-dialect-plugin=%gpfq_plugin \
// RUN:     --pass-pipeline="builtin.module(lowbit-to-llvm{target=generic})" | FileCheck %s --check-prefix=LLVM

// The same as from gpfq-opt.
// RUN: gpfq-opt %s --gpfq-quantize="calibration=%t.npy weight-bits=3" --lowbit-fuse | diff - %t.mlir

// RUN: mlir-opt %s --load-dialect-plugin=%gpfq_plugin --show-dialects | FileCheck %s --check-prefix=DIALECTS
// DIALECTS: {{(^|[ ,])}}lowbit{{($|,)}}

// No second copy of LLVM or MLIR, linked or embedded.
// RUN: llvm-readelf -d %gpfq_plugin | FileCheck %s --check-prefix=NEEDED
// RUN: llvm-nm -DC --defined-only %gpfq_plugin | not grep " T mlir::PassManager::run("
// NEEDED-NOT: NEEDED{{.*}}{{LLVM|MLIR}}

// CHECK: lowbit.matmul
// CHECK-SAME: alphabet = #lowbit.alphabet<mid_rise, [4]>
// LLVM: llvm.func @net
// LLVM-NOT: lowbit.matmul
func.func @net(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<[[0.7, -0.2], [0.1, 0.5], [-0.6, 0.3], [0.2, 0.4]]> : tensor<4x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x4xf32>, tensor<4x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
