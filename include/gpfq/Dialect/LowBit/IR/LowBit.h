// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_DIALECT_LOWBIT_IR_LOWBIT_H
#define GPFQ_DIALECT_LOWBIT_IR_LOWBIT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "gpfq/Dialect/LowBit/IR/LowBitDialect.h.inc"
#include "gpfq/Dialect/LowBit/IR/LowBitEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "gpfq/Dialect/LowBit/IR/LowBitAttributes.h.inc"

#include "gpfq/Dialect/LowBit/IR/LowBitInterfaces.h.inc"

#define GET_OP_CLASSES
#include "gpfq/Dialect/LowBit/IR/LowBitOps.h.inc"

namespace mlir::lowbit {

/// Name of the discardable attribute that carries a `LayerAttr` on linalg ops.
inline constexpr llvm::StringLiteral layerAttrName = "lowbit.layer";

/// Name of the discardable attribute that carries the name of a product of two activations, on
/// linalg ops.
inline constexpr llvm::StringLiteral productAttrName = "lowbit.product";

/// The largest code of an activation.
inline constexpr uint32_t maxCode = 255;

/// Largest reduction length whose accumulator, a sum of products of codes 0..255 and levels of
/// magnitude at most `maxMagnitude`, is certain to fit an i32.
int64_t getMaxReductionLength(int32_t maxMagnitude);

/// An alphabet from the text form of options and policy files: `mid_tread:7`, `mid_rise:2`,
/// `range:-8:7`, `levels:-3:0:1`.
FailureOr<AlphabetAttr> parseAlphabet(MLIRContext *context, StringRef text,
                                      function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_IR_LOWBIT_H
