// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TRANSFORMS_PASSES
#define GPFQ_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def GPFQSpecializeBatch : Pass<"gpfq-specialize-batch", "func::FuncOp"> {
  let summary = "Give a dynamic batch dimension a size";
  let description = [{
    Level 0. The first dimension of every argument of a public function, where it is `?`, becomes `batch`, and so
    do the shapes that follow from it. Sizes that become constants fold away, with the assertions on them. The
    attribute `gpfq.dynamic_batch` keeps the positions of the arguments and results that had a dynamic
    batch: a compiled function takes any number of samples there.

    Any other dynamic dimension is an error. Functions without dynamic shapes are left alone.

    ```mlir
    // Before
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %x, %c0 : tensor<?x8xf32>
      %e = tensor.empty(%n) : tensor<?x8xf32>
      %r = linalg.exp ins(%x : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
      return %r : tensor<?x8xf32>
    }
    // After
    func.func @f(%x: tensor<1x8xf32>) -> tensor<1x8xf32> attributes
        {gpfq.dynamic_batch = {arguments = array<i64: 0>, results = array<i64: 0>}} {
      %e = tensor.empty() : tensor<1x8xf32>
      %r = linalg.exp ins(%x : tensor<1x8xf32>) outs(%e : tensor<1x8xf32>) -> tensor<1x8xf32>
      return %r : tensor<1x8xf32>
    }
    ```
  }];
  let options = [
    Option<"batch", "batch", "int64_t", "1", "size of the batch, in samples">
  ];
  let statistics = [
    Statistic<"numSpecialized", "specialized", "arguments whose batch became static">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def GPFQFuseElementwise : Pass<"gpfq-fuse-elementwise", "func::FuncOp"> {
  let summary = "Fuse chains of elementwise float ops on tensors";
  let description = [{
    Generalises elementwise named ops (`linalg.broadcast`, `linalg.transpose`, `linalg.map`,
    `linalg.elementwise`, `linalg.add`, ...) and fuses a generic into its only user when that user is
    elementwise too. Reductions, convolutions and lowbit ops are left alone: an input of those would be
    computed once for each element of the reduction.

    ```mlir
    %1 = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %2 = linalg.abs ins(%1 : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    // becomes one linalg.generic with math.exp and math.absf
    ```
  }];
  let dependentDialects = ["affine::AffineDialect", "linalg::LinalgDialect", "math::MathDialect"];
}

def GPFQRemoveAsserts : Pass<"gpfq-remove-asserts"> {
  let summary = "Remove run-time assertions";
  let description = [{
    Front ends guard divisions by `cf.assert` (torch-mlir: "unimplemented: tensor with zero element"). A
    compiled library has no way to stop its host, so the assertions go and IEEE arithmetic decides: the
    quotient is infinite, as it is in the source framework.
  }];
  let statistics = [Statistic<"numRemoved", "removed", "Assertions removed">];
}

def GPFQLayoutFloatWeights : Pass<"gpfq-layout-float-weights", "func::FuncOp"> {
  let summary = "Store constant float weights in the order that loops read them";
  let description = [{
    Convolutions that stay in float get their constant filter permuted so that the output channel is the
    last dimension: consecutive results then read consecutive weights. Values that are copies of a
    constant (a transposed weight of a linear layer) become constants.

    ```mlir
    %r = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x8x8x4xf32>, tensor<16x3x3x4xf32>) outs(%i : ...)
    // becomes
    %r = linalg.conv_2d_nhwc_hwcf ins(%x, %v : tensor<1x8x8x4xf32>, tensor<3x3x4x16xf32>) outs(%i : ...)
    ```
  }];
  let statistics = [
    Statistic<"numFilters", "filters", "Filters permuted">,
    Statistic<"numFolded", "folded-constants", "Copies of constants made constants">
  ];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect"];
}

#endif // GPFQ_TRANSFORMS_PASSES
