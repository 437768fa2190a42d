// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Targets of a layer of whose outputs the network uses the mean over the positions of an image.

#ifndef GPFQ_LIB_QUANTIZER_POOLEDTARGETS_H
#define GPFQ_LIB_QUANTIZER_POOLEDTARGETS_H

#include "LayerSolver.h"

namespace gpfq {

/// Do the rounds of LayerSpec::poolRounds apply to the layer?
bool hasPooledTargets(const LayerProblem &problem, const LayerSpec &spec);

/// LayerSpec::poolRounds. With p = mean over positions of clamp(z), over the samples of
/// LayerProblem::pooled, each round is one of Gauss and Newton: pq is linear in the weights with
/// the slopes A, the means over those positions of X~ at which zq is between the bounds. Coordinate
/// descent over the levels, and the best step and bias for them, lower
///   ||p - pq||^2 + c / P^2 (||T - X~q||^2 + ridge ||w - q||^2)
/// for P positions an image: the second part, over as many rows, is what the errors of the
/// positions would add up to if they were independent, and keeps few samples from being fitted too
/// well. Of all rounds and the start, the solution with the least ||p - pq||^2 is kept for each
/// channel. The outcome is that of p. Fails on rows that are not finite.
Result<RoundsOutcome> fitPooledTargets(LayerContext &context, LayerSolution &solution);

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_POOLEDTARGETS_H
