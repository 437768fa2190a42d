// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Choice of the step.

#ifndef GPFQ_LIB_QUANTIZER_STEPSEARCH_H
#define GPFQ_LIB_QUANTIZER_STEPSEARCH_H

#include "LayerSolver.h"

namespace gpfq {

/// The step of each output channel and block by the rule of the spec (all equal for
/// Granularity::Tensor), positive.
std::vector<float> chooseSteps(const LayerContext &context);

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_STEPSEARCH_H
