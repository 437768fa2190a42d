// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What users are told of a layer and of its weights.

#ifndef GPFQ_LIB_TRANSFORMS_LAYERDESCRIPTION_H
#define GPFQ_LIB_TRANSFORMS_LAYERDESCRIPTION_H

#include "gpfq/Calibration/QuantizableOp.h"
#include "gpfq/Calibration/QuantizedWeightsFile.h"

namespace mlir::gpfq {

/// The op that makes the codes that a layer reads; null where it reads floats.
lowbit::QuantizeOp getInputQuantization(QuantizableOp &layer);

/// Sets the range of the codes that a layer reads. Without codes there is no integer accumulator:
/// the bound goes, with a remark, and the result is false.
bool setInputRange(QuantizableOp &layer, ::gpfq::AccumulatorBound &bound);

/// What the exported file has of a layer. An error for blocks of channels that are no blocks in the
/// order of the source.
FailureOr<QuantizedWeights> describeQuantizedWeights(QuantizableOp &layer,
                                                     const ::gpfq::LayerResult &result);

/// Remarks on a layer, and on channels of it, that can never matter; gives the number of inputs
/// that are always 0.
int64_t reportDead(QuantizableOp &layer, const ::gpfq::Gram &gram);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TRANSFORMS_LAYERDESCRIPTION_H
