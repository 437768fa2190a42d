// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Targets of a layer that a clipping activation function follows.

#ifndef GPFQ_LIB_QUANTIZER_CLIPPEDTARGETS_H
#define GPFQ_LIB_QUANTIZER_CLIPPEDTARGETS_H

#include "LayerSolver.h"

namespace gpfq {

/// LayerSpec::clipRounds. Each round is one of majorise-minimise: ||clamp(z) - clamp(zq)||^2 is
/// majorised by ||T2 + offset - zq||^2, where T2 is the target moved to where it costs nothing, and
/// one alternate() lowers that. Of all rounds and the start, the solution with the least error is
/// kept, for each channel or in total for Granularity::Tensor. The outcome is that of clamp(z) over
/// the rows of LayerProblem::clipped. Fails on rows that are not finite.
Result<RoundsOutcome> fitClippedTargets(LayerContext &context, LayerSolution &solution);

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_CLIPPEDTARGETS_H
