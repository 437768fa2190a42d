// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef LOWBIT_OPS
#define LOWBIT_OPS

include "gpfq/Dialect/LowBit/IR/LowBitComputeOps.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Level 2: quantise and dequantise
//===----------------------------------------------------------------------===//

def LowBit_QuantizeOp : LowBit_Op<"quantize", [Pure]> {
  let summary = "Float activations to unsigned codes";
  let description = [{
    With scale s (one positive element), zero point z and largest code m, of 1 to 255, element by element:

        q(x) = z                                        if x is NaN
        q(x) = clamp(roundeven(x / s) + z, 0, m)        else

    in f32; `roundeven` rounds halves to the even integer; the clamp is done in float, before the
    conversion, so infinities saturate. The code is stored in signless `i8` and is unsigned.

    With `sign` there are two codes, and the zero point is 1:

        q(x) = 0 if x < 0
        q(x) = 2 else, which is for 0, -0 and NaN too

    They stand for -s and s. The code 1, which no element has, is 0: what a convolution is padded with.

    ```mlir
    %q = lowbit.quantize %x, %s zero_point 3 : tensor<1x8x8x4xf32>, tensor<1xf32> -> tensor<1x8x8x4xi8>
    %r = lowbit.quantize %x, %s sign zero_point 1 : tensor<1x8x8x4xf32>, tensor<1xf32> -> tensor<1x8x8x4xi8>
    ```
  }];
  let arguments = (ins
    RankedTensorOf<[F32]>:$input,
    RankedTensorOf<[F32]>:$scale,
    DefaultValuedAttr<I32Attr, "0">:$zero_point,
    DefaultValuedAttr<I32Attr, "255">:$max,
    UnitAttr:$sign
  );
  let results = (outs RankedTensorOf<[I8]>:$result);
  let assemblyFormat = [{
    $input `,` $scale (`sign` $sign^)? (`zero_point` $zero_point^)? (`max` $max^)? attr-dict
    `:` type($input) `,` type($scale) `->` type($result)
  }];
  let extraClassDeclaration = [{
    /// The largest code of the result: 2 with `sign`, `max` else.
    uint32_t getLargestCode() { return getSign() ? 2 : getMax(); }
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def LowBit_QuantizeRowsOp : LowBit_Op<"quantize_rows", [
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>
  ]> {
  let summary = "Float activations to unsigned codes, each row with a scale of its own";
  let description = [{
    Dynamic quantisation of the input of a matrix product: scales are computed from the data when the network runs.
    A row is what the last dimension counts. Input and codes are `.. x K`, scales (f32) and zero points (i32)
    `.. x 1`. With `low` the least and `high` the largest of 0 and the elements x(k) of a row that are not NaN, both
    limited to finite numbers, in f32, and the largest code m, 255 or `max`:

        s = max(high / m - low / m, 2^-126)
        r = 1 / s
        z = roundeven(-(low * r))
        q(k) = z                                            if x(k) is NaN
        q(k) = clamp(roundeven(x(k) * r) + z, 0, m)         else

    and, `symmetric`, which has no `max`, with codes from 1 to 255:

        s = max(max(-low, high) / 127, 2^-126)
        z = 128

    `roundeven` rounds halves to the even integer; infinities saturate. 0 is a code without error. The code is stored
    in signless `i8` and is unsigned.

    A fourth destination (i32, `.. x 1`) gets the sum over k of q(k) - z, for the zero points of what a row is multiplied
    with (`lowbit.batch_matmul`).

    ```mlir
    %q, %s, %z = lowbit.quantize_rows ins(%x : tensor<32x384xf32>)
        outs(%a, %b, %c : tensor<32x384xi8>, tensor<32x1xf32>, tensor<32x1xi32>)
        -> tensor<32x384xi8>, tensor<32x1xf32>, tensor<32x1xi32>
    ```
  }];
  let arguments = (ins
    LowBit_TensorOrMemRef:$input,
    LowBit_TensorOrMemRef:$codes,
    LowBit_TensorOrMemRef:$scales,
    LowBit_TensorOrMemRef:$zero_points,
    Optional<LowBit_TensorOrMemRef>:$sums,
    UnitAttr:$symmetric,
    DefaultValuedAttr<I32Attr, "255">:$max
  );
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`symmetric` $symmetric^)? (`max` $max^)? `ins` `(` $input `:` type($input) `)`
    `outs` `(` $codes `,` $scales `,` $zero_points (`,` $sums^)? `:`
               type($codes) `,` type($scales) `,` type($zero_points) (`,` type($sums)^)? `)`
    attr-dict (`->` type($results)^)?
  }];
  let builders = [
    // Of a tensor, with destinations of its own.
    OpBuilder<(ins "::mlir::Value":$input, "bool":$symmetric, "uint32_t":$max, CArg<"bool", "false">:$hasSums)>
  ];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(*this, /*start=*/1, /*length=*/(*this)->getNumOperands() - 1);
    }
  }];
  let hasVerifier = 1;
}

def LowBit_DequantizeRowsOp : LowBit_Op<"dequantize_rows", [Pure]> {
  let summary = "Codes of rows to floats";
  let description = [{
    The inverse of `quantize_rows`, up to rounding: with scale s and zero point z of the row,

        x = float(q - z) * s

    `lowbit-fuse` makes it a part of the matrix product that reads it.

    ```mlir
    %x = lowbit.dequantize_rows %q, %s, %z : tensor<32x384xi8>, tensor<32x1xf32>, tensor<32x1xi32> -> tensor<32x384xf32>
    ```
  }];
  let arguments = (ins
    RankedTensorOf<[I8]>:$codes,
    RankedTensorOf<[F32]>:$scales,
    RankedTensorOf<[I32]>:$zero_points
  );
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $codes `,` $scales `,` $zero_points attr-dict
    `:` type($codes) `,` type($scales) `,` type($zero_points) `->` type($result)
  }];
  let hasVerifier = 1;
}

def LowBit_DequantizeOp : LowBit_Op<"dequantize", [Pure]> {
  let summary = "Codes or weight levels to floats";
  let description = [{
    Without an alphabet the input holds unsigned codes q of an activation, with one scale s and zero
    point z:

        x = (float(q) - z) * s

    With an alphabet the input holds signed levels l of a weight, and the scale has one element or, with
    `axis`, one for each index i of that dimension:

        w[.., i, ..] = float(l[.., i, ..]) * s[i]

    or, with `block_axis` as well, one for each index i of `axis` and each of B blocks of equal size k of that other
    dimension; the scale is then a matrix of B columns:

        w[.., i, .., j, ..] = float(l[.., i, .., j, ..]) * s[i, floor(j / k)]

    `layer` names the layer that the weights belong to.

    ```mlir
    %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x8x8x4xi8>, tensor<1xf32> -> tensor<1x8x8x4xf32>
    %w = lowbit.dequantize %l, %t axis 0 alphabet <mid_tread, [7]> layer "conv1"
       : tensor<16x3x3x4xi8>, tensor<16xf32> -> tensor<16x3x3x4xf32>
    %v = lowbit.dequantize %l, %b axis 0 block_axis 3 alphabet <mid_tread, [7]> layer "conv1"
       : tensor<16x3x3x4xi8>, tensor<16x2xf32> -> tensor<16x3x3x4xf32>
    ```
  }];
  let arguments = (ins
    RankedTensorOf<[I8]>:$input,
    RankedTensorOf<[F32]>:$scale,
    DefaultValuedAttr<I32Attr, "0">:$zero_point,
    OptionalAttr<I64Attr>:$axis,
    OptionalAttr<I64Attr>:$block_axis,
    OptionalAttr<LowBit_AlphabetAttr>:$alphabet,
    OptionalAttr<StrAttr>:$layer
  );
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $input `,` $scale (`zero_point` $zero_point^)? (`axis` $axis^)? (`block_axis` $block_axis^)?
    (`alphabet` $alphabet^)? (`layer` $layer^)? attr-dict `:` type($input) `,` type($scale) `->` type($result)
  }];
  let extraClassDeclaration = [{
    /// Indices of `block_axis` that share a scale; nothing without it.
    std::optional<int64_t> getBlockSize();
    /// Number of the scale of an element; both are counted in row-major order.
    int64_t getScaleIndex(int64_t element);
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Level 4: signs as bits
//===----------------------------------------------------------------------===//

def LowBit_PackSignsOp : LowBit_Op<"pack_signs", [
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>
  ]> {
  let summary = "The signs of activations as bits, in words";
  let description = [{
    The input is `.. x C`, of floats or of the codes that `quantize` with `sign` makes; the result has
    `4 * ceil(C / 32)` bytes in place of the C elements. Bit c % 8 of byte c / 8 is 0 if x(c) < 0 or the code is 0, and
    1 for other elements, as -0 and NaN. Bits behind the last element are 0.

    `lowbit-pack` makes it for layers that multiply signs (the encoding `signs` of `#lowbit.layout`).

    ```mlir
    %b = lowbit.pack_signs ins(%x : tensor<1x8x8x48xf32>) outs(%e : tensor<1x8x8x8xi8>) -> tensor<1x8x8x8xi8>
    ```
  }];
  let arguments = (ins
    LowBit_TensorOrMemRef:$input,
    LowBit_TensorOrMemRef:$init
  );
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $input `:` type($input) `)` `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
  let builders = [
    // Of a tensor, with a destination of its own.
    OpBuilder<(ins "::mlir::Value":$input)>
  ];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
  let hasVerifier = 1;
}

#endif // LOWBIT_OPS
