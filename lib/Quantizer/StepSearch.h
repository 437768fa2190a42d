// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Choice of the step.

#ifndef GPFQ_LIB_QUANTIZER_STEPSEARCH_H
#define GPFQ_LIB_QUANTIZER_STEPSEARCH_H

#include "GroupSystem.h"

namespace gpfq {

/// The step of each output channel by the rule of the spec (all equal for Granularity::Tensor),
/// positive. `systems` has one entry per group.
std::vector<float> chooseSteps(const LayerProblem &problem, const LayerSpec &spec,
                               const std::vector<GroupSystem> &systems,
                               const ParallelFor &parallelFor);

/// From this many groups on they are spread over threads instead of the neurons of a group.
constexpr int64_t manyGroups = 4;

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_STEPSEARCH_H
