// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops that multiply by weights, with their epilogue.

#ifndef LOWBIT_COMPUTE_OPS
#define LOWBIT_COMPUTE_OPS

include "gpfq/Dialect/LowBit/IR/LowBitAttributes.td"
include "gpfq/Dialect/LowBit/IR/LowBitInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Levels 3 to 5: integer compute ops
//===----------------------------------------------------------------------===//

def LowBit_YieldOp : LowBit_Op<"yield", [Pure, ReturnLike, Terminator]> {
  let summary = "Ends an epilogue with the element to be stored";
  let description = [{
    Of a packed layer whose output channels are a multiple of 32 the element may be an `i1`: the result then holds
    them as bits, as those of `pack_signs` are.
  }];
  let arguments = (ins AnyTypeOf<[I1, I8, I32, F32]>:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

class LowBit_ComputeOp<string mnemonic> : LowBit_Op<mnemonic, [
    IsolatedFromAbove,
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<LowBitComputeOpInterface, ["getKernelShape", "getReductionLength"]>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    SingleBlock
  ]> {
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$epilogue);
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let assemblyFormat = [{
    `ins` `(` $input `,` $weights `:` type($input) `,` type($weights) `)`
    (`fused` `(` $fused^ `:` type($fused) `)`)? `outs` `(` $init `:` type($init) `)`
    attr-dict `epilogue` $epilogue (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

def LowBit_Conv2DOp : LowBit_ComputeOp<"conv_2d"> {
  let summary = "2-D convolution, NHWC, with an epilogue";
  let description = [{
    Shapes: input `N x H x W x C`, weights `OC x KH x KW x C/groups`, init and result `N x OH x OW x OC`.
    `padding` is `[top, bottom, left, right]`; taps outside of the input read the code
    `padding_value` (the zero point of the input). With g = oc / (OC / groups):

        acc(n, y, x, oc) = sum over ky, kx, c of
            input(n, y*sh + ky*dh - top, x*sw + kx*dw - left, g*C/groups + c) * weights(oc, ky, kx, c)

    An `i8` input is unsigned (zero-extended), a level is signed; the sum is an exact i32: the verifier
    proves that `255 * max|level| * reduction length` fits. An `f32` input (weights-only
    quantisation) is accumulated in f32 by fused multiply-add in the order ky, kx, c, from +0.0; the
    padding value is then 0.0. The zero point is not subtracted: `-z * sum(w)` belongs in a fused operand.

    All codes of the input, and the padding value, are at most `input_max`, which is a promise: the result is undefined where
    one is not. It lets kernels add codes and levels in bytes (the encoding `paired` of `#lowbit.layout`).

    The region computes the stored element. Its block arguments are the accumulator and one scalar for
    each fused operand, which is broadcast to the result shape as in numpy: shapes are aligned at the
    last dimension, and dimensions of size 1 are repeated. `lowbit.yield` gives the element; unsigned
    codes are yielded as `i8`. The body consists of arith and math ops and uses no value from outside of the
    region, so constants stand in it.

    ```mlir
    %r = lowbit.conv_2d ins(%x, %w : tensor<1x8x8x4xi8>, tensor<16x3x3x4xi8>)
        fused(%s, %b : tensor<16xf32>, tensor<16xf32>) outs(%init : tensor<1x8x8x16xf32>)
        {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding = array<i64: 1, 1, 1, 1>, padding_value = 3 : i32} epilogue {
    ^bb0(%acc: i32, %scale: f32, %bias: f32):
      %f = arith.sitofp %acc : i32 to f32
      %m = arith.mulf %f, %scale : f32
      %y = arith.addf %m, %bias : f32
      lowbit.yield %y : f32
    } -> tensor<1x8x8x16xf32>
    ```
  }];
  let arguments = (ins
    LowBit_TensorOrMemRef:$input,
    LowBit_TensorOrMemRef:$weights,
    Variadic<LowBit_TensorOrMemRef>:$fused,
    LowBit_TensorOrMemRef:$init,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilations,
    DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$padding,
    DefaultValuedAttr<I32Attr, "0">:$padding_value,
    DefaultValuedAttr<I64Attr, "1">:$groups,
    LowBit_AlphabetAttr:$alphabet,
    OptionalAttr<StrAttr>:$layer,
    OptionalAttr<LowBit_LayoutAttr>:$layout,
    DefaultValuedAttr<I32Attr, "255">:$input_max
  );
}

def LowBit_DepthwiseConv2DOp : LowBit_ComputeOp<"depthwise_conv_2d"> {
  let summary = "Depthwise 2-D convolution, NHWC, with an epilogue";
  let description = [{
    As `conv_2d` with one filter a channel: weights `KH x KW x C`, result `N x OH x OW x C`,

        acc(n, y, x, c) = sum over ky, kx of
            input(n, y*sh + ky*dh - top, x*sw + kx*dw - left, c) * weights(ky, kx, c)
  }];
  let arguments = (ins
    LowBit_TensorOrMemRef:$input,
    LowBit_TensorOrMemRef:$weights,
    Variadic<LowBit_TensorOrMemRef>:$fused,
    LowBit_TensorOrMemRef:$init,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilations,
    DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$padding,
    DefaultValuedAttr<I32Attr, "0">:$padding_value,
    LowBit_AlphabetAttr:$alphabet,
    OptionalAttr<StrAttr>:$layer,
    OptionalAttr<LowBit_LayoutAttr>:$layout
  );
}

def LowBit_MatmulOp : LowBit_ComputeOp<"matmul"> {
  let summary = "Matrix product with constant weights, with an epilogue";
  let description = [{
    Shapes: input `M x K`, weights `N x K` (one row an output), init and result `M x N`. With a batch
    dimension the input is `B x M x K` and the result `B x M x N`; the weights are shared by the batch.

        acc(b, m, n) = sum over k of input(b, m, k) * weights(n, k)

    Arithmetic, fused operands and region are those of `conv_2d`.
  }];
  let arguments = (ins
    LowBit_TensorOrMemRef:$input,
    LowBit_TensorOrMemRef:$weights,
    Variadic<LowBit_TensorOrMemRef>:$fused,
    LowBit_TensorOrMemRef:$init,
    LowBit_AlphabetAttr:$alphabet,
    OptionalAttr<StrAttr>:$layer,
    OptionalAttr<LowBit_LayoutAttr>:$layout,
    DefaultValuedAttr<I32Attr, "255">:$input_max
  );
}

def LowBit_BatchMatmulOp : LowBit_ComputeOp<"batch_matmul"> {
  let summary = "Matrix product of two activations, with an epilogue";
  let description = [{
    Shapes: input `B x M x K`, weights `B x N x K` (one row an output), init and result `B x M x N`; or all of them without
    the batch dimension. Both operands are u8 codes that are computed when the network runs. Those of the second, the
    weights, are symmetric: their zero point is 128.

        acc(b, m, n) = sum over k of input(b, m, k) * (weights(b, n, k) - 128)

    is an exact i32: the verifier proves that `255 * 128 * K` fits. Fused operands and region are those of `conv_2d`. For
    the zero point z(b, m) of a row of the input, `z(b, m) * sum over k of (weights(b, n, k) - 128)` is to be subtracted;
    `quantize_rows` gives these sums.

    ```mlir
    %r = lowbit.batch_matmul ins(%a, %b : tensor<12x48x32xi8>, tensor<12x40x32xi8>)
        fused(%s, %t : tensor<12x48x1xf32>, tensor<12x1x40xf32>) outs(%init : tensor<12x48x40xf32>) epilogue {
    ^bb0(%acc: i32, %row: f32, %column: f32):
      %f = arith.sitofp %acc : i32 to f32
      %m = arith.mulf %f, %row : f32
      %y = arith.mulf %m, %column : f32
      lowbit.yield %y : f32
    } -> tensor<12x48x40xf32>
    ```

    A packed op has a `layout`, whose kernel is `[N, K]`, and as weights the result of `lowbit.pack`.
  }];
  let arguments = (ins
    LowBit_TensorOrMemRef:$input,
    LowBit_TensorOrMemRef:$weights,
    Variadic<LowBit_TensorOrMemRef>:$fused,
    LowBit_TensorOrMemRef:$init,
    OptionalAttr<StrAttr>:$layer,
    OptionalAttr<LowBit_LayoutAttr>:$layout
  );
}

def LowBit_PackOp : LowBit_Op<"pack", [
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>
  ]> {
  let summary = "Codes to packed bytes, when the network runs";
  let description = [{
    What `lowbit-pack` does with constant weights, for the second operand of `lowbit.batch_matmul`: codes `B x N x K` are
    made levels, code - 128, and laid out for kernels as `layout` says, in 8 bits, matrix by matrix. The result is `B x` the
    bytes of a matrix. Without the batch dimension, all of it is without.

    ```mlir
    %p = lowbit.pack ins(%b : tensor<12x40x32xi8>) outs(%e : tensor<12x1536xi8>)
        {layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 2, top_aligned, run = 32, kernel = [40, 32]>}
        -> tensor<12x1536xi8>
    ```
  }];
  let arguments = (ins
    LowBit_TensorOrMemRef:$input,
    LowBit_TensorOrMemRef:$init,
    LowBit_LayoutAttr:$layout
  );
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $input `:` type($input) `)` `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
  let hasVerifier = 1;
}

#endif // LOWBIT_COMPUTE_OPS
