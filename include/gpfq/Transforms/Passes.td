// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TRANSFORMS_PASSES
#define GPFQ_TRANSFORMS_PASSES

include "gpfq/Transforms/QuantizationPasses.td"
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

def GPFQBatchLoop : Pass<"gpfq-batch-loop", "ModuleOp"> {
  let summary = "Give a function its dynamic batch back, as a loop over the samples";
  let description = [{
    The inverse of `gpfq-specialize-batch`, at any level on tensors: a function with the attribute `gpfq.dynamic_batch`
    becomes private and gets the suffix `_sample`; a public function of its name takes any number of samples and calls
    it for each. All batched arguments must have as many samples as the first. It is an error if a result has no batch,
    or a batch is not 1.

    ```mlir
    func.func @f(%x: tensor<1x8xf32>) -> tensor<1x4xf32> attributes
        {gpfq.dynamic_batch = {arguments = array<i64: 0>, results = array<i64: 0>}} { ... }
    // becomes
    func.func private @f_sample(%x: tensor<1x8xf32>) -> tensor<1x4xf32> { ... }
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
      %n = tensor.dim %x, %c0 : tensor<?x8xf32>
      %e = tensor.empty(%n) : tensor<?x4xf32>
      %r = scf.for %i = %c0 to %n step %c1 iter_args(%o = %e) -> (tensor<?x4xf32>) {
        %s = tensor.extract_slice %x[%i, 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<1x8xf32>
        %y = func.call @f_sample(%s) : (tensor<1x8xf32>) -> tensor<1x4xf32>
        %u = tensor.insert_slice %y into %o[%i, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<?x4xf32>
        scf.yield %u : tensor<?x4xf32>
      }
      return %r : tensor<?x4xf32>
    }
    ```
  }];
  let statistics = [Statistic<"numLoops", "loops", "functions that got a loop">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def GPFQRoundProducts : Pass<"gpfq-round-products"> {
  let summary = "Keep a compiler that contracts from fusing products into sums";
  let description = [{
    IREE lets LLVM compute `a * b + c` with one rounding, and a code of a quantised network that lies at the border of
    two may then become the other one. A product of scalar f32 that is added or subtracted becomes `fma(a, b, +0.0)`,
    which has the same value, takes one instruction as well, and is not contracted any further. (A product of -0.0
    becomes +0.0.) Linalg ops with reductions are left as they are.

    ```mlir
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %c : f32
    ```
    becomes
    ```mlir
    %p = math.fma %a, %b, %zero : f32
    %s = arith.addf %p, %c : f32
    ```
  }];
  let statistics = [Statistic<"numRounded", "rounded", "products that became fma">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def GPFQFoldBatchNorm : Pass<"gpfq-fold-batch-norm", "func::FuncOp"> {
  let summary = "Fold batch norms and other affine ops into the layer before them";
  let description = [{
    Level 0. An elementwise op y = a x + b, where a and b are constants that vary along the output channels only, or not
    at all, is folded into the convolution or matmul that computes x if nothing else uses x: the filter of
    channel c becomes a[c] w[c], and the bias, which is the init operand, a[c] bias[c] + b[c]. A chain of such ops
    is folded as one, in double precision, rounded to f32 once. Batch norm, as one generic or as the chain that
    front ends emit, is the most common case, the bias of a linear layer another.

    First, elementwise generics of constants are computed (`1 / sqrt(variance + eps)`), with the arithmetic of their
    bodies, so a channel of variance 0 gets 1 / sqrt(eps). An assertion in the body of one is dropped if it
    holds; if it does not, the op stays. So are generics that extract elements of a constant at places that are affine
    in their own, which makes the flipped weights of a transposed convolution constant.

    The filter must be constant, directly or through transposes, broadcasts and changes of shape; the init
    operand zero or a constant that varies along the output channels only. Anything else is left alone.

    ```mlir
    // Before
    %0 = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
    %1 = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<1x3x4x4xf32>, tensor<8x3x1x1xf32>) outs(%0 : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
    %2 = linalg.generic {indexing_maps = [#identity, #channel, #identity], ...} ins(%1, %mean : ...) {arith.subf}
    %3 = linalg.generic ... ins(%2, %reciprocal : ...) {arith.mulf}
    %4 = linalg.generic ... ins(%3, %gamma : ...) {arith.mulf}
    %5 = linalg.generic ... ins(%4, %beta : ...) {arith.addf}
    // After
    %w1 = arith.constant dense<...> : tensor<8x3x1x1xf32>
    %b = arith.constant dense<...> : tensor<8xf32>
    %0 = linalg.broadcast ins(%b : tensor<8xf32>) outs(%e : tensor<1x8x4x4xf32>) dimensions = [0, 2, 3]
    %5 = linalg.conv_2d_nchw_fchw ins(%x, %w1 : tensor<1x3x4x4xf32>, tensor<8x3x1x1xf32>) outs(%0 : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
    ```
  }];
  let statistics = [
    Statistic<"numConstants", "constants", "generics of constants computed">,
    Statistic<"numLayers", "layers", "convolutions and matmuls that something was folded into">,
    Statistic<"numFolded", "folded", "affine ops folded">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def GPFQSequencesToImages : Pass<"gpfq-sequences-to-images", "func::FuncOp"> {
  let summary = "Compute sequences as images of one row";
  let description = [{
    Level 0. Convolutions and poolings of sequences, N x C x W or N x W x C, become those of images of one row,
    for which there are kernels:

    | from | to |
    |---|---|
    | `conv_1d_ncw_fcw` | `conv_2d_nchw_fchw` |
    | `conv_1d_nwc_wcf` | `conv_2d_nhwc_hwcf` |
    | `depthwise_conv_1d_ncw_cw`, `depthwise_conv_1d_nwc_wc` | `depthwise_conv_2d_nchw_chw`, `depthwise_conv_2d_nhwc_hwc` |
    | `pooling_ncw_{max,sum}`, `pooling_nwc_{max,sum}` | `pooling_nchw_{max,sum}`, `pooling_nhwc_{max,sum}` |

    So do convolutions of NCHW images of one column, which torch-mlir makes of sequences with groups: taps of a kernel row are
    adjacent in memory, those of a column are not. The changes of shape before and after them move through elementwise ops, reductions and padding until they meet, so
    that what follows a layer still follows it directly.

    ```mlir
    // Before
    %y = linalg.conv_1d_ncw_fcw ins(%x, %w : tensor<1x3x8xf32>, tensor<4x3x3xf32>) outs(%i : tensor<1x4x6xf32>) -> tensor<1x4x6xf32>
    // After
    %a = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 3, 1, 8] : tensor<1x3x8xf32> into tensor<1x3x1x8xf32>
    %b = linalg.conv_2d_nchw_fchw ins(%a, %v : tensor<1x3x1x8xf32>, tensor<4x3x1x3xf32>) outs(%j : tensor<1x4x1x6xf32>) -> tensor<1x4x1x6xf32>
    %y = tensor.collapse_shape %b [[0], [1], [2, 3]] : tensor<1x4x1x6xf32> into tensor<1x4x6xf32>
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def GPFQChannelsLast : Pass<"gpfq-channels-last", "func::FuncOp"> {
  let summary = "Compute images channels-last: NCHW to NHWC";
  let description = [{
    Level 0 to 1. Every convolution of NCHW images becomes one of NHWC images:

    | from | to |
    |---|---|
    | `conv_2d_nchw_fchw` | `conv_2d_nhwc_fhwc` |
    | `depthwise_conv_2d_nchw_chw` | `depthwise_conv_2d_nhwc_hwc` |
    | `conv_2d_ngchw_gfchw`, `conv_2d_ngchw_fgchw` | `conv_2d_nhwgc_gfhwc`, between changes of shape |
    | `depthwise_conv_2d_nhwc_hwcm` | `depthwise_conv_2d_nhwc_hwc`, or grouped for a multiplier above 1 |
    | `pooling_nchw_{max,sum}` next to those | `pooling_nhwc_{max,sum}` |

    Constant filters and biases are transposed at compile time. Images are transposed before and after; these
    transposes move up and down through elementwise ops, reductions, pad, concat and slices until they cancel. Those
    that stay are at the signature of the function, whose layout does not change, or around an op that has no
    channels-last form, which gets a remark. Flattening an image before a matmul with a constant weight permutes the
    rows of the weight instead; `gpfq.flattened_image` on the matmul keeps rows, columns and channels of the image. A
    transpose that only moves dimensions of size 1 becomes a change of shape.

    ```mlir
    // Before
    %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {...} : tensor<1x3x8x8xf32> to tensor<1x3x10x10xf32>
    %b = linalg.broadcast ins(%bias : tensor<4xf32>) outs(%e : tensor<1x4x8x8xf32>) dimensions = [0, 2, 3]
    %y = linalg.conv_2d_nchw_fchw ins(%p, %w : tensor<1x3x10x10xf32>, tensor<4x3x3x3xf32>) outs(%b : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
    // After
    %t = linalg.transpose ins(%x : tensor<1x3x8x8xf32>) outs(%e0 : tensor<1x8x8x3xf32>) permutation = [0, 2, 3, 1]
    %p = tensor.pad %t low[0, 1, 1, 0] high[0, 1, 1, 0] {...} : tensor<1x8x8x3xf32> to tensor<1x10x10x3xf32>
    %b = linalg.broadcast ins(%bias : tensor<4xf32>) outs(%e1 : tensor<1x8x8x4xf32>) dimensions = [0, 1, 2]
    %z = linalg.conv_2d_nhwc_fhwc ins(%p, %v : tensor<1x10x10x3xf32>, tensor<4x3x3x3xf32>) outs(%b : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
    %y = linalg.transpose ins(%z : tensor<1x8x8x4xf32>) outs(%e2 : tensor<1x4x8x8xf32>) permutation = [0, 3, 1, 2]
    ```
  }];
  let statistics = [
    Statistic<"numBoundary", "boundary", "transposes at the signature of the function">,
    Statistic<"numInside", "inside", "transposes that stay inside the function">
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

def GPFQWriteInPlace : Pass<"gpfq-write-in-place", "func::FuncOp"> {
  let summary = "Let producers write into padded and concatenated buffers";
  let description = [{
    Runs before bufferization. A `tensor.pad` of static shape by a constant becomes a buffer of the padded shape whose
    border is filled, slab by slab, and into which the op that computes the source writes: nothing is copied, and the inner
    part is not filled in vain. That op must be in destination-passing style and have a `tensor.empty`, or a fill of
    one, as its init. The other readers of the source read the inner part, which has the strides of the padded buffer. A source
    without such an op, or one that is padded in a second way too, is copied into the inner part. Where the source is a
    `tensor.concat`, each of its inputs is written, or copied, to its place.

    A `tensor.concat` that is not padded becomes `tensor.insert_slice` ops on a `tensor.empty`, so that
    `eliminate-empty-tensors` gives slices of that to the ops that compute its inputs.

    The buffer is a `bufferization.alloc_tensor`, which CSE leaves alone: paddings of the same shape do not share
    a filled buffer, which bufferization would have to copy for each of them.

    ```mlir
    // Before
    %e = tensor.empty() : tensor<1x8x8x4xi8>
    %y = lowbit.conv_2d ins(%x, %w) outs(%e) ... -> tensor<1x8x8x4xi8>
    %p = tensor.pad %y low[0, 1, 1, 0] high[0, 1, 1, 0] {
    ^bb0(%i: index, %j: index, %k: index, %l: index):
      tensor.yield %c3 : i8
    } : tensor<1x8x8x4xi8> to tensor<1x10x10x4xi8>
    // After
    %a = bufferization.alloc_tensor() : tensor<1x10x10x4xi8>
    %t = tensor.extract_slice %a[0, 0, 0, 0] [1, 1, 10, 4] [1, 1, 1, 1] : tensor<1x10x10x4xi8> to tensor<1x1x10x4xi8>
    %f = linalg.fill ins(%c3 : i8) outs(%t : tensor<1x1x10x4xi8>) -> tensor<1x1x10x4xi8>
    %b = tensor.insert_slice %f into %a[0, 0, 0, 0] [1, 1, 10, 4] [1, 1, 1, 1] : tensor<1x1x10x4xi8> into tensor<1x10x10x4xi8>
    // ... and so the last row, the first and the last column: %border
    %s = tensor.extract_slice %border[0, 1, 1, 0] [1, 8, 8, 4] [1, 1, 1, 1] : tensor<1x10x10x4xi8> to tensor<1x8x8x4xi8>
    %y = lowbit.conv_2d ins(%x, %w) outs(%s) ... -> tensor<1x8x8x4xi8>
    %p = tensor.insert_slice %y into %border[0, 1, 1, 0] [1, 8, 8, 4] [1, 1, 1, 1] : tensor<1x8x8x4xi8> into tensor<1x10x10x4xi8>
    ```
  }];
  let statistics = [
    Statistic<"numInPlace", "in-place", "sources of paddings, or parts of them, that are written into the padded buffer">,
    Statistic<"numCopied", "copied", "those that are copied into it">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def GPFQDecomposeAggregates : Pass<"gpfq-decompose-aggregates"> {
  let summary = "Aggregates of linalg to the ops they stand for";
  let description = [{
    Some linalg ops have no loops of their own but stand for several that have, `linalg.softmax` for one. Calibration,
    fusion and lowering work on those.

    ```mlir
    %y = linalg.softmax dimension(1) ins(%x : tensor<4x100xf32>) outs(%e : tensor<4x100xf32>) -> tensor<4x100xf32>
    // becomes
    %max = linalg.generic ... ins(%x) ... { arith.maxnumf }
    %exp = linalg.generic ... ins(%x, %max) ... { arith.subf, math.exp }
    %sum = linalg.generic ... ins(%exp) ... { arith.addf }
    %y = linalg.generic ... ins(%exp, %sum) ... { arith.divf }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def GPFQRemoveAsserts : Pass<"gpfq-remove-asserts"> {
  let summary = "Remove run-time assertions";
  let description = [{
    Front ends guard divisions by `cf.assert` (torch-mlir: "unimplemented: tensor with zero element"). A
    compiled library has no way to stop its host, so the assertions go and IEEE arithmetic decides: the
    quotient is infinite, as it is in the source framework. They also guard the rows that data choose from a table, as
    numbers of words do from an embedding; such an index is clamped, so that no data make a library read elsewhere:

    ```mlir
    %ok = arith.cmpi slt, %i, %c6100 : index
    cf.assert %ok, "index must be smaller than dim size"
    %x = tensor.extract %table[%i, %k] : tensor<6100x384xf32>
    // becomes
    %j = arith.maxsi %i, %c0 : index
    %l = arith.minsi %j, %c6099 : index
    %x = tensor.extract %table[%l, %k] : tensor<6100x384xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numRemoved", "removed", "Assertions removed">,
    Statistic<"numClamped", "clamped", "Indices of tables clamped">
  ];
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
