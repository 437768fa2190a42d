// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_CONVERSION_PASSES
#define GPFQ_CONVERSION_PASSES

include "mlir/Pass/PassBase.td"

def LowBitFusePass : Pass<"lowbit-fuse"> {
  let summary = "Turn quantised linalg layers into integer ops with epilogues (level 2 to 3)";
  let description = [{
    - A convolution or matmul whose weight is a `lowbit.dequantize` of constant levels becomes
      `lowbit.conv_2d`, `lowbit.depthwise_conv_2d` or `lowbit.matmul`. If its input is a
      `lowbit.dequantize` too, perhaps behind a `tensor.pad` by zero, the op reads the codes and accumulates
      in `i32`; else it accumulates in `f32`. The zero point's share and the bias are one constant a channel.
    - A matmul or batch_matmul of two `lowbit.dequantize_rows`, the second of symmetric rows that are the columns of
      the product, becomes `lowbit.batch_matmul`.
    - Elementwise consumers, residual additions and the `lowbit.quantize` of the result move into the epilogue,
      unless the result has other consumers.
    - `lowbit.quantize` moves up, and `lowbit.dequantize` down, through max pools, pads, concatenations,
      slices, reshapes and transposes, so that codes are what is live between layers.
    - Constants of the epilogue are collected in one multiplication and one addition; the division by the
      scale of the result moves through ReLU and clips into them.
    - Where the result is codes of 8 bits the bias is rounded to an integer in units of the accumulator, perhaps of the
      accumulator shifted to the left, so that kernels start from it; not where that would cost more than 1/16
      of a code and 1/32 of what the rounding of the input can change.
    - Where the result is signs (`lowbit.quantize` with `sign`), the accumulator is compared with an integer a channel, the least sum
      whose sign is positive; where the scale of a channel is negative, the complement of the accumulator. That is exact.

    The result differs from level 2 by the rounding of the f32 epilogue. A layer that stays in float is
    remarked on and counted.

    ```mlir
    %x = lowbit.dequantize %q, %sx zero_point 3 : tensor<1x8xi8>, tensor<1xf32> -> tensor<1x8xf32>
    %w = lowbit.dequantize %levels, %sw axis 1 alphabet <mid_tread, [7]> layer "fc"
       : tensor<8x4xi8>, tensor<4xf32> -> tensor<8x4xf32>
    %y = linalg.matmul ins(%x, %w) outs(%zero) -> tensor<1x4xf32>
    %r = lowbit.quantize %y, %sy : tensor<1x4xf32>, tensor<1xf32> -> tensor<1x4xi8>
    ```
    becomes, with `%scale` = sw sx / sy and `%bias` = -3 sum(levels),
    ```mlir
    %r = lowbit.matmul ins(%q, %transposed_levels : tensor<1x8xi8>, tensor<4x8xi8>)
        fused(%bias, %scale : tensor<4xi32>, tensor<4xf32>) outs(%empty : tensor<1x4xi8>)
        {alphabet = #lowbit.alphabet<mid_tread, [7]>, layer = "fc"} epilogue {
    ^bb0(%acc: i32, %b: i32, %s: f32):
      %0 = arith.addi %acc, %b : i32
      %1 = arith.sitofp %0 : i32 to f32
      %2 = arith.mulf %1, %s : f32
      %3 = math.roundeven %2 : f32
      ...
      lowbit.yield %7 : i8
    } -> tensor<1x4xi8>
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "lowbit::LowBitDialect",
                           "math::MathDialect", "tensor::TensorDialect"];
  let statistics = [
    Statistic<"numInteger", "integer-layers", "Number of layers with an i32 accumulator">,
    Statistic<"numFloatInput", "float-input-layers", "Number of lowbit layers with an f32 accumulator">,
    Statistic<"numFloat", "float-layers", "Number of quantised or annotated layers left in linalg">,
    Statistic<"numProducts", "integer-products", "Number of products of two activations with an i32 accumulator">,
    Statistic<"numFloatProducts", "float-products", "Number of annotated products of two activations left in linalg">
  ];
}

def LowBitToLinalgPass : Pass<"lowbit-to-linalg"> {
  let summary = "Lower the lowbit dialect to upstream ops";
  let description = [{
    The written semantics of the dialect: every other lowering of levels 3 to 6 gives the same bits. The
    result consists of linalg, tensor, arith and math ops only, with signless `i8` and `i32`, which IREE
    accepts.

    - `lowbit.quantize`, `lowbit.dequantize` and `lowbit.dequantize_rows` become elementwise generics.
    - `lowbit.quantize_rows` becomes a generic that finds the ranges of the rows, one that computes their scales and
      zero points, and an elementwise one.
    - A compute op becomes a `tensor.pad` with the padding value, a contraction into an accumulator
      (`i32` by `extui`, `extsi`, `muli`, `addi`; or `f32` by `math.fma` in the order kernel row, kernel
      column, channel) and an elementwise generic with the body of the epilogue.

    Packed ops are lowered where their layout can be unpacked; any op that is left is an error.

    ```mlir
    %q = lowbit.quantize %x, %s : tensor<8xf32>, tensor<1xf32> -> tensor<8xi8>
    ```
    becomes, with a constant scale of 0.5,
    ```mlir
    %q = linalg.generic ins(%x) outs(%empty) {
    ^bb0(%in: f32, %out: i8):
      %0 = arith.divf %in, %cst_0.5 : f32
      %1 = math.roundeven %0 : f32
      %2 = arith.cmpf ogt, %1, %cst_0 : f32
      %3 = arith.select %2, %1, %cst_0 : f32
      %4 = arith.cmpf olt, %3, %cst_255 : f32
      %5 = arith.select %4, %3, %cst_255 : f32
      %6 = arith.fptoui %5 : f32 to i8
      linalg.yield %6 : i8
    }
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "math::MathDialect",
                           "tensor::TensorDialect"];
  let options = [
    Option<"elementwiseOnly", "elementwise-only", "bool", /*default=*/"false",
           "Lower elementwise ops only, and leave quantize_rows and the compute ops to convert-lowbit-to-vector">
  ];
  let statistics = [Statistic<"numLowered", "lowered", "Number of lowbit ops lowered">];
}

def LowBitToIREEPass : Pass<"lowbit-to-iree"> {
  let summary = "Lower the lowbit dialect to upstream ops that IREE compiles well";
  let description = [{
    As `lowbit-to-linalg`, in other forms. Integers give the same bits; sums of floats have the order that IREE gives
    them. docs/iree.md says what the forms are for.

    - Codes are shifted to signed: `code - 128`, so that products are of i8 by i8. What that takes from an accumulator,
      128 times the sum of the channel's weights, is a constant that the epilogue adds first. Padding is shifted too.
    - `matmul` and `conv_2d` become `linalg.matmul`, with a generic that copies patches into rows where the kernel is
      not 1x1; grouped convolutions `linalg.batch_matmul`; `depthwise_conv_2d` `linalg.depthwise_conv_2d_nhwc_hwc`.
      A convolution of floats becomes `linalg.conv_2d_nhwc_hwcf`. `batch_matmul` has the form of `lowbit-to-linalg`.
    - Weights have the output channels last. With `pack-weights`, levels that are evenly spaced and take up to four
      bits are stored several in a byte of i8 and unpacked by a generic. Weights of float layers are levels converted
      to f32 and nothing else; the scale is in the epilogue.

    ```mlir
    %y = lowbit.matmul ins(%x, %w : tensor<1x64xi8>, tensor<10x64xi8>) fused(%s : tensor<10xf32>)
        outs(%e : tensor<1x10xf32>) {alphabet = #lowbit.alphabet<mid_tread, [127]>} epilogue { ... }
    ```
    becomes
    ```mlir
    %c = arith.constant dense<...> : tensor<10xi32>
    %0 = linalg.generic ins(%x : tensor<1x64xi8>) outs(...) { arith.xori %in, %c-128_i8 }
    %1 = linalg.matmul ins(%0, %w : tensor<1x64xi8>, tensor<64x10xi8>) outs(%zeros : tensor<1x10xi32>)
    %2 = linalg.generic ins(%1, %s, %c) outs(%e) { arith.addi; arith.sitofp; arith.mulf; ... }
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "math::MathDialect",
                           "tensor::TensorDialect"];
  let options = [
    Option<"packWeights", "pack-weights", "bool", /*default=*/"true",
           "Store levels of up to four bits several in a byte">
  ];
}

def GPFQLinalgToLoops : Pass<"gpfq-linalg-to-loops", "func::FuncOp"> {
  let summary = "Linalg ops on buffers to loops that LLVM vectorises";
  let description = [{
    Every linalg op on memrefs, and every `memref.copy` that is not one block of bytes, becomes a nest of
    `scf.for`. Loop order: parallel loops, then reduction loops, both in the order of the op, and innermost
    the parallel loop along which the operands are contiguous. So the sum of one output element is formed
    in the order of the op, without reassociation, while neighbouring outputs are formed together.

    Where each element of the result reduces a window of at most 64 elements of one operand, as in a pooling, the
    innermost loop is one over vectors of 64 bytes, each of which stays in a register while the reduction loops run. A
    fill of the result by a constant right before the op becomes the start of these vectors.

    ```mlir
    linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%c : memref<4x16xf32>)
    // becomes
    scf.for %m = ... { scf.for %k = ... { scf.for %n = ... {
      // c[m, n] += a[m, k] * b[k, n]
    } } }
    ```

    With `max-chunks` above 1, the first parallel loop of more than one iteration of an op of at least twice `chunk-work` iterations, in a
    public function, runs over a part of its range in each iteration of an `scf.parallel`. The op must read and
    write buffers of static shape and constants.

    ```mlir
    linalg.exp ins(%a : memref<64x4096xf32>) outs(%b : memref<64x4096xf32>)
    // becomes, with max-chunks=4
    scf.parallel (%part) = (%c0) to (%c4) step (%c1) {
      %begin = arith.muli %part, %c16 : index
      %end = arith.addi %begin, %c16 : index
      scf.for %i = %begin to %end step %c1 { scf.for %j = ... {
        // b[i, j] = exp(a[i, j])
      } }
    }
    ```
  }];
  let options = [
    Option<"maxChunks", "max-chunks", "int64_t", "1", "parts that may run at the same time, at most">,
    Option<"chunkWork", "chunk-work", "int64_t", "65536", "iterations that a part has at least, on average">
  ];
  let statistics = [
    Statistic<"numSplit", "split", "ops whose parts may run at the same time">
  ];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "linalg::LinalgDialect",
                           "memref::MemRefDialect", "scf::SCFDialect", "vector::VectorDialect"];
}

def GPFQExpandMath : Pass<"gpfq-expand-math"> {
  let summary = "Math functions to arithmetic";
  let description = [{
    Replaces transcendental functions of f32 by upstream's polynomial approximations, and the rest by
    expressions of them, so that compiled code calls no libm. With `round`, rounding functions are
    expanded too, and with `fma` the fused multiply-add of f32, into f64 and to the same bit: for targets without
    instructions for them.

    ```mlir
    %y = math.rsqrt %x : f32
    // becomes
    %s = math.sqrt %x : f32
    %y = arith.divf %one, %s : f32
    ```
  }];
  let options = [
    Option<"round", "round", "bool", /*default=*/"false",
           "Expand floor, ceil, trunc and roundeven">,
    Option<"fma", "fma", "bool", /*default=*/"false", "Expand fma">
  ];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect", "vector::VectorDialect"];
}

def LowBitToQuantPass : Pass<"lowbit-to-quant"> {
  let summary = "Express lowbit.dequantize in upstream quant types";
  let description = [{
    For interchange. Each `lowbit.dequantize` with constant scales, of unsigned codes or of an alphabet of
    consecutive levels, becomes a `quant.scast` and a `quant.dcast`; the name of the layer is kept as their
    location. Other ops, `lowbit.quantize` among them, stay, and a `dequantize` or `dequantize_rows` that does is
    remarked on.
    `quant.qcast` is never made: upstream folds `dcast(qcast(x))` to `x`.

    ```mlir
    %w = lowbit.dequantize %l, %s axis 0 alphabet <mid_tread, [7]> : tensor<2x8xi8>, tensor<2xf32> -> tensor<2x8xf32>
    ```
    becomes
    ```mlir
    %0 = quant.scast %l : tensor<2x8xi8> to tensor<2x8x!quant.uniform<i8<-7:7>:f32:0, {0.5, 0.25}>>
    %w = quant.dcast %0 : tensor<2x8x!quant.uniform<i8<-7:7>:f32:0, {0.5, 0.25}>> to tensor<2x8xf32>
    ```
  }];
  let dependentDialects = ["quant::QuantDialect"];
  let statistics = [Statistic<"numLeft", "left", "Number of lowbit.dequantize and lowbit.dequantize_rows ops that have no quant form">];
}

def QuantToLowBitPass : Pass<"quant-to-lowbit"> {
  let summary = "Read upstream quant types as lowbit.dequantize";
  let description = [{
    The inverse of `lowbit-to-quant`: `quant.dcast` of a `quant.scast` of an `i8` tensor becomes
    `lowbit.dequantize`. Signed storage lo..hi with zero points of 0 are levels of a weight, whose alphabet is
    `mid_tread, [hi]` if lo = -hi, else `range, [lo, hi]`; unsigned storage with one scale are codes. A named
    location gives the name of the layer. Other casts stay and are remarked on.
  }];
  let dependentDialects = ["arith::ArithDialect", "lowbit::LowBitDialect"];
  let statistics = [Statistic<"numLeft", "left", "Number of quant.dcast ops that have no lowbit form">];
}

def ConvertLowBitToVector : Pass<"convert-lowbit-to-vector", "ModuleOp"> {
  let summary = "Generate kernels for packed compute ops";
  let description = [{
    Level 5 to 6. Each packed `lowbit.conv_2d`, `lowbit.depthwise_conv_2d`, `lowbit.matmul` and `lowbit.batch_matmul`, and
    each `lowbit.quantize_rows`, `lowbit.pack` and `lowbit.pack_signs`, on buffers becomes a call of a private function of scf loops and vector
    ops; ops that differ only in the place of their buffers share one. The kernel of a compute op holds a block of accumulators in registers (rows of pixels times
    vectors of channels; the target gives its size), reads runs of the input at constant distances, unpacks the
    weights in registers, and applies the epilogue region to whole vectors. It reads and writes nothing
    outside of its buffers. The result equals that of `lowbit-to-linalg` bit for bit.

    A 3x3 convolution of stride 1 has a kernel by Winograd's minimal filtering F(4x4, 3x3) on x86 (Lavin and Gray, "Fast
    Algorithms for Convolutional Neural Networks", CVPR 2016): 36 products instead of 144 for 16 pixels and a pair of channels, of 16
    instead of 8 bits. In integers: transformed codes and levels are i16, sums are modulo 2^32 and 576 times the result,
    which is exact if it is below 2^25. So 255 times the sum of the levels of one sign of an output channel must be; of the largest
    levels, if weights are not constant. Input channels must be a multiple of 16. With `winograd=faster` it takes the place of the direct kernel where an estimate of the transforms says
    so; where a layout has a tile, which is one of the direct kernel, it does not. Its buffers of transformed codes and levels, one for
    each chunk, are allocated beside the call; `lowbit-plan-memory` places them.

    The kernel of `quantize_rows` goes over each row twice, with vectors: for its range and for its codes. That of `pack`
    transposes blocks of quads of codes in registers. Where weights and input are bits, the product of two vectors is their
    exclusive or, whose ones are counted.

    With `max-chunks` above 1, the kernel of an op of at least twice `chunk-work` multiply-adds (those of a depthwise
    op count four times, those of signs a quarter, an element to quantise as 32, one to pack as 8, a sign to pack as 4) computes a part of the result in each call, and an `scf.parallel` over the parts calls it.
    Parts of a contraction are elements of the batch, groups, or panels of channels crossed with tiles of pixels: the split
    whose estimated times on 2, 4 and 8 threads are least, where weights that several parts unpack count each time.
    It depends on nothing but the op, the target and these options; parts write different elements.

    Buffers need static shapes and strides. An input whose runs are shorter than four bytes or not
    contiguous is read byte by byte, with a remark.

    ```mlir
    // Before
    lowbit.matmul ins(%x, %w : memref<24x64xi8>, memref<1024xi8>) outs(%y : memref<24x32xi32>)
        {alphabet = #lowbit.alphabet<mid_tread, [7]>,
         layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 64, kernel = [32, 64]>} epilogue {...}
    // After
    call @lowbit_matmul(%x_cast, %w_cast, %y_cast)
    func.func private @lowbit_matmul(...) attributes {no_inline} {
      scf.for %panel = %c0 to %c2 step %c1 {
        scf.for %tile = %c0 to %c4 step %c1 {
          %acc:12 = scf.for %step = %c0 to %c8 step %c1 iter_args(...) -> (vector<8xi32>, ...) {
            %raw = vector.load %w[...] : memref<1024xi8, ...>, vector<32xi8>
            ...
            %p = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"(%codes, %levels) : ...
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"\"",
           "the target that ops must be packed for; empty: that of each op's layout">,
    Option<"emulateDot", "emulate-dot", "bool", "false",
           "dot products in plain arithmetic, to run the kernels of a target on any CPU">,
    Option<"winograd", "winograd", "::mlir::gpfq::WinogradUse", "::mlir::gpfq::WinogradUse::Faster",
           "where 3x3 convolutions use Winograd's algorithm",
           [{::llvm::cl::values(
               clEnumValN(::mlir::gpfq::WinogradUse::Never, "never", "nowhere"),
               clEnumValN(::mlir::gpfq::WinogradUse::Faster, "faster", "where it is estimated to take less time"),
               clEnumValN(::mlir::gpfq::WinogradUse::Always, "always", "where there are kernels"))}]>,
    Option<"maxChunks", "max-chunks", "int64_t", "1", "parts that may run at the same time, at most">,
    Option<"chunkWork", "chunk-work", "int64_t", "524288", "multiply-adds that a part has at least, on average">
  ];
  let statistics = [
    Statistic<"numConverted", "converted", "compute ops converted">,
    Statistic<"numSplit", "split", "compute ops whose parts may run at the same time">,
    Statistic<"numKernels", "kernels", "kernels generated">,
    Statistic<"numWinograd", "winograd", "convolutions by Winograd's algorithm">,
    Statistic<"numByElement", "read-by-element", "compute ops whose kernel reads its input byte by byte">
  ];
  let dependentDialects = ["arith::ArithDialect", "func::FuncDialect", "LLVM::LLVMDialect", "math::MathDialect",
                           "memref::MemRefDialect", "scf::SCFDialect", "vector::VectorDialect"];
}

def GPFQParallelToRuntime : Pass<"gpfq-parallel-to-runtime", "ModuleOp"> {
  let summary = "Calls of the runtime for parallel loops";
  let description = [{
    Level 6. The body of each `scf.parallel` of one induction variable that runs from 0 in steps of 1 becomes a function
    of a context, which holds the addresses of the buffers that it uses, and of the number of an iteration; the loop a
    call of `gpfq_parallel_for` (include/gpfq/Runtime/Parallel.h). Constants and globals are made anew in the body;
    a body that is more than a call is a function of its own, whose buffers are arguments, which do not overlap;
    other values must be buffers of static shape and strides. A function with such loops gets one more argument, the
    last: the `gpfq_parallel` that is to run them, or null. Loops that return values are an error.

    ```mlir
    func.func @f(%x: memref<4x8xf32>) {
      scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
        func.call @row(%x, %i) : (memref<4x8xf32>, index) -> ()
      }
      return
    }
    // becomes
    func.func @f(%x: memref<4x8xf32>, %parallel: !llvm.ptr) {
      %context = llvm.alloca %one x !llvm.array<1 x i64> : (i64) -> !llvm.ptr
      // ... stores the address of %x
      call @gpfq_parallel_for(%parallel, %c4_i64, %body, %context) : (!llvm.ptr, i64, !llvm.ptr, !llvm.ptr) -> ()
      return
    }
    func.func private @f_parallel(%context: !llvm.ptr, %i: i64) {
      // ... loads the address of %x
      call @row(%x, %index) : (memref<4x8xf32>, index) -> ()
      return
    }
    ```
  }];
  let statistics = [Statistic<"numOutlined", "outlined", "Parallel loops outlined">];
  let dependentDialects = ["arith::ArithDialect", "func::FuncDialect", "LLVM::LLVMDialect", "memref::MemRefDialect"];
}

def GPFQProfileLayers : Pass<"gpfq-profile-layers", "ModuleOp"> {
  let summary = "Count the ticks that each layer takes";
  let description = [{
    Level 5. Reads the clock of the CPU before and after each compute op, and each linalg convolution and contraction, of
    the network, and at its ends, and adds the differences to `@gpfq_profile`: element 0 is the whole network, element
    1 + i the layers of the i-th name in the attribute `gpfq.profiled_layers` of the module. Layers of one name share an
    element. The clock is an intrinsic of LLVM that counts at a constant rate.

    ```mlir
    lowbit.matmul ins(...) {..., layer = "fc"} epilogue {...}
    // becomes
    %0 = llvm.call_intrinsic "llvm.readcyclecounter"() : () -> i64
    lowbit.matmul ins(...) {..., layer = "fc"} epilogue {...}
    %1 = llvm.call_intrinsic "llvm.readcyclecounter"() : () -> i64
    %2 = arith.subi %1, %0 : i64
    %3 = memref.atomic_rmw addi %2, %counters[%c1] : (i64, memref<2xi64>) -> i64
    ```
  }];
  let options = [
    Option<"clock", "clock", "std::string", "\"llvm.readcyclecounter\"", "intrinsic that reads the clock">
  ];
  let statistics = [Statistic<"numLayers", "layers", "Names of layers that are counted">];
  let dependentDialects = ["arith::ArithDialect", "LLVM::LLVMDialect", "memref::MemRefDialect"];
}

#endif // GPFQ_CONVERSION_PASSES
