// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef LOWBIT_DIALECT
#define LOWBIT_DIALECT

include "mlir/IR/OpBase.td"

def LowBit_Dialect : Dialect {
  let name = "lowbit";
  let cppNamespace = "::mlir::lowbit";
  let summary = "Networks with 1- to 8-bit weights and 8-bit activations";
  let description = [{
    The dialect carries a quantised network from the float domain down to packed kernels:

    | level | ops |
    |---|---|
    | 2, float arithmetic | `quantize`, `dequantize`, `quantize_rows`, `dequantize_rows` around upstream linalg ops |
    | 3, integer | `conv_2d`, `depthwise_conv_2d`, `matmul`, `batch_matmul` with an epilogue region |
    | 4, packed | the same ops with a `layout`; the weights are packed bytes, constant or by `pack` |
    | 5, buffers | the same ops on memrefs |

    Weights are *integer levels*, one signless `i8` each, that belong to an `#lowbit.alphabet`;
    the float value of a weight is `level * scale`. Activations are unsigned 8-bit codes, stored in
    signless `i8`, with one scale and one zero point a tensor, or, computed when the network runs, one a row; the float
    value is `(code - zero_point) * scale`. Scales are operands, never part of a type.

    `lowbit-to-linalg` lowers every op to upstream ops and is the written semantics.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let useDefaultAttributePrinterParser = 1;
}

class LowBit_Op<string mnemonic, list<Trait> traits = []>
    : Op<LowBit_Dialect, mnemonic, traits>;

def LowBit_TensorOrMemRef : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef]>;

#endif // LOWBIT_DIALECT
