// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the quantiser needs to know about a layer: its problem, and the moments of its inputs.

#ifndef GPFQ_CALIBRATION_LAYERDATA_H
#define GPFQ_CALIBRATION_LAYERDATA_H

#include "gpfq/Calibration/MomentCollector.h"
#include "gpfq/Calibration/StagedExecutor.h"

namespace mlir::gpfq {

/// The alphabet of the quantiser that has the levels of `attribute`.
::gpfq::Result<::gpfq::Alphabet> getAlphabet(lowbit::AlphabetAttr attribute);

/// Sets granularity and block of `spec`.
void setGranularity(lowbit::LayerAttr attribute, ::gpfq::LayerSpec &spec);

/// The shape and the weights of a layer, which must outlive the problem. Without moments.
::gpfq::LayerProblem makeLayerProblem(const QuantizableOp &layer);

/// Advances `executor` to `cut` and collects the moments of `members`, layers of that cut, which
/// have equal weights. An error when they would take more than `memoryBudget` bytes.
FailureOr<std::unique_ptr<::gpfq::MomentCollector>>
collectMoments(StagedExecutor &executor, int64_t cut, MutableArrayRef<QuantizableOp> layers,
               ArrayRef<unsigned> members, const ::gpfq::MomentCollector::Options &options,
               uint64_t memoryBudget, const ::gpfq::ParallelFor &parallelFor);

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_LAYERDATA_H
