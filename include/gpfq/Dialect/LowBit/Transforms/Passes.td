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
    their padding as a `tensor.pad` with the padding value, so that the kernel needs no border cases. `gpfq-write-in-place`
    then lets the producer write into the padded buffer.

    Panels are as wide as the target prefers, unless `tiles` is a file that `gpfq-compile --tune` has measured
    on a CPU: an op whose shape, bits and window are in it gets the tile there, vectors of output channels and,
    for the kernel generator, output pixels. A file for another target is an error.

    The levels of a compute op must be constant; one whose levels are not is left alone, with a remark. The second
    operand of `lowbit.batch_matmul`, an activation, is packed when the network runs, by a `lowbit.pack`.

    Where levels are -1 and 1 and the input has the codes of `quantize` with `sign`, both become bits on targets that
    count them faster than they multiply bytes: the layout then has `signs`, and the input comes from a
    `lowbit.pack_signs`. If that is all that reads the result of a layer with a multiple of 32 output channels, the layer
    yields bits itself. Layers with channel groups, depthwise ones, those with fewer than 16 input channels and those that
    pad an odd number of them multiply their signs as bytes, with a remark; the sums are the same. The sums of pixels whose window covers padding have tables
    of their own, so padding with zeros is exact.

    On `znver4`, where the sum of a code and a level fits a byte (`input_max`, see `gpfq-quantize-activations`), fields are
    `paired`: kernels then multiply half as often. With `paired=faster` that is so where an estimate says that it takes less
    time; a remark names layers where it would be so with fewer codes.

    ```mlir
    // Before
    %w = arith.constant dense<...> : tensor<16x3x3x4xi8>
    %r = lowbit.conv_2d ins(%x, %w : tensor<1x8x8x4xi8>, tensor<16x3x3x4xi8>) ...
           {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding = array<i64: 1, 1, 1, 1>, padding_value = 3 : i32}
    // After
    %w = arith.constant dense<...> : tensor<384xi8>
    %c3 = arith.constant 3 : i8
    %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
    ^bb0(%i: index, %j: index, %k: index, %l: index):
      tensor.yield %c3 : i8
    } : tensor<1x8x8x4xi8> to tensor<1x10x10x4xi8>
    %r = lowbit.conv_2d ins(%p, %w : tensor<1x10x10x4xi8>, tensor<384xi8>) ...
           {alphabet = #lowbit.alphabet<mid_tread, [7]>,
            layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 12, kernel = [16, 3, 3, 4]>}
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"host\"",
           "kernel family: host, znver4, avx512vpopcntdq, avx512vnni, avxvnni, avx2, aarch64-i8mm, aarch64-dotprod, generic">,
    Option<"tiles", "tiles", "std::string", "\"\"", "measured tiles, JSON, of gpfq-compile --tune">,
    Option<"paired", "paired", "::mlir::lowbit::PairedUse", "::mlir::lowbit::PairedUse::Faster",
           "where fields are for products of sums of codes and levels",
           [{::llvm::cl::values(
               clEnumValN(::mlir::lowbit::PairedUse::Never, "never", "nowhere"),
               clEnumValN(::mlir::lowbit::PairedUse::Faster, "faster", "where it is estimated to take less time"),
               clEnumValN(::mlir::lowbit::PairedUse::Always, "always", "where these fit a byte"))}]>
  ];
  let statistics = [
    Statistic<"packed", "packed", "compute ops that were packed">,
    Statistic<"packedAtRunTime", "packed-at-run-time", "products of two activations whose second operand is packed">,
    Statistic<"numPaired", "paired", "compute ops whose fields are for products of sums of codes and levels">,
    Statistic<"numWithoutRoom", "without-room", "compute ops that could be, if the input had fewer codes">,
    Statistic<"packedBytes", "packed-bytes", "bytes of packed weights">,
    Statistic<"measuredTiles", "measured-tiles", "compute ops whose tile is in the table">,
    Statistic<"notPacked", "not-packed", "compute ops whose levels are not constant">,
    Statistic<"countedSigns", "counted-signs", "compute ops that multiply signs by counting bits">,
    Statistic<"signsAsBytes", "signs-as-bytes", "compute ops that multiply signs as bytes">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::lowbit::LowBitDialect"];
}

def LowBitDequantize : Pass<"lowbit-dequantize", "func::FuncOp"> {
  let summary = "Make a float network of a quantised one";
  let description = [{
    Level 2 to 0, with the weights that the quantisation chose: each `lowbit.dequantize` of constant levels
    becomes a float constant that is named after the layer, w = float(l) * s rounded to f32, and each
    `lowbit.dequantize` of a `lowbit.quantize` becomes the value that was quantised. Other tools can then
    run or measure the quantised weights. Levels that are not constant are an error.

    ```mlir
    // Before
    %w = lowbit.dequantize %l, %s axis 0 alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
    %q = lowbit.quantize %x, %t : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
    %y = lowbit.dequantize %q, %t : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
    // After: %x instead of %y, and
    %w = arith.constant dense<[[0.5, -0.25], [3.0, 7.0]]> : tensor<2x2xf32>
    ```
  }];
  let statistics = [
    Statistic<"numWeights", "weights", "Constants of dequantised weights">,
    Statistic<"numActivations", "activations", "Activations that are no longer quantised">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def LowBitPlanMemory : Pass<"lowbit-plan-memory", "func::FuncOp"> {
  let summary = "Place every buffer of a function in one arena";
  let description = [{
    Every `memref.alloc` of the function becomes a `memref.view` of one new last argument, the arena.
    Two buffers share bytes only if the ranges between the first and the last use, counted in
    operations of the function's block and followed through views, casts and results of structured
    control flow, are disjoint. Larger buffers are placed first, each in the smallest gap that fits
    (best fit). Offsets are multiples of 64 bytes; the caller's arena must be aligned likewise.

    The function must have one block, and allocations static shapes and the identity layout; anything else
    is an error. Private functions are kernels, which get their buffers from their callers: they are left as they are,
    and an allocation in one is an error. `memref.dealloc` is removed. The size in bytes, `slack` included, is the length of the
    argument and the attribute `lowbit.workspace_bytes`; what no plan can do without, the largest sum of the sizes
    of buffers that are live together, is `lowbit.live_bytes`.

    ```mlir
    func.func @f(%x: memref<4xf32>, %y: memref<4xf32>) {
      %t = memref.alloc() : memref<4xf32>
      linalg.exp ins(%x : memref<4xf32>) outs(%t : memref<4xf32>)
      linalg.abs ins(%t : memref<4xf32>) outs(%y : memref<4xf32>)
      return
    }
    // becomes
    func.func @f(%x: memref<4xf32>, %y: memref<4xf32>, %arena: memref<128xi8>)
        attributes {lowbit.live_bytes = 64 : i64, lowbit.workspace_bytes = 128 : i64} {
      %c0 = arith.constant 0 : index
      %t = memref.view %arena[%c0][] : memref<128xi8> to memref<4xf32>
      ...
    ```
  }];
  let options = [
    Option<"slack", "slack", "int64_t", /*default=*/"64",
           "Bytes after the last buffer that kernels may read (never write)">
  ];
  let statistics = [
    Statistic<"numBuffers", "buffers", "Buffers placed">,
    Statistic<"arenaBytes", "arena-bytes", "Size of the arena without slack">,
    Statistic<"lowerBoundBytes", "lower-bound-bytes",
              "Largest sum of the sizes of buffers that are live together">
  ];
  let dependentDialects = ["arith::ArithDialect", "memref::MemRefDialect"];
}

#endif // LOWBIT_TRANSFORMS_PASSES
