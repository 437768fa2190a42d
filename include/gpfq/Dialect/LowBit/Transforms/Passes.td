// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef LOWBIT_TRANSFORMS_PASSES
#define LOWBIT_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def LowBitPack : Pass<"lowbit-pack", "func::FuncOp"> {
  let summary = "Pack weights and materialise padding for a target";
  let description = [{
    Level 3 to 4. Replaces the constant levels of each compute op by bytes in the order in which the kernel
    of `target` reads them, at the bits of the alphabet (see `#lowbit.layout`), and gives convolutions
    their padding as a buffer, so that the kernel needs no border cases: a `tensor.insert_slice` of the
    input into a fill with the padding value. `eliminate-empty-tensors` then lets the producer write into the slice.

    The levels of a compute op must be constant; one whose levels are not is left alone, with a remark.

    ```mlir
    // Before
    %w = arith.constant dense<...> : tensor<16x3x3x4xi8>
    %r = lowbit.conv_2d ins(%x, %w : tensor<1x8x8x4xi8>, tensor<16x3x3x4xi8>) ...
           {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding = array<i64: 1, 1, 1, 1>, padding_value = 3 : i32}
    // After
    %w = arith.constant dense<...> : tensor<384xi8>
    %c3 = arith.constant 3 : i8
    %e = tensor.empty() : tensor<1x10x10x4xi8>
    %f = linalg.fill ins(%c3 : i8) outs(%e : tensor<1x10x10x4xi8>) -> tensor<1x10x10x4xi8>
    %p = tensor.insert_slice %x into %f[0, 1, 1, 0] [1, 8, 8, 4] [1, 1, 1, 1]
           : tensor<1x8x8x4xi8> into tensor<1x10x10x4xi8>
    %r = lowbit.conv_2d ins(%p, %w : tensor<1x10x10x4xi8>, tensor<384xi8>) ...
           {alphabet = #lowbit.alphabet<mid_tread, [7]>,
            layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 12, kernel = [16, 3, 3, 4]>}
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"host\"",
           "kernel family: host, avx512vnni, avxvnni, avx2, generic">
  ];
  let statistics = [
    Statistic<"packed", "packed", "compute ops that were packed">,
    Statistic<"packedBytes", "packed-bytes", "bytes of packed weights">,
    Statistic<"notPacked", "not-packed", "compute ops whose levels are not constant">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::lowbit::LowBitDialect"];
}

#endif // LOWBIT_TRANSFORMS_PASSES
