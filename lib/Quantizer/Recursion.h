// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operands of the recursion of a method, from the moments of one group.

#ifndef GPFQ_LIB_QUANTIZER_RECURSION_H
#define GPFQ_LIB_QUANTIZER_RECURSION_H

#include "GroupMoments.h"

namespace gpfq {

/// `moments` and `exact` are those of the training rows.
Recursion makeRecursion(const LayerSpec &spec, const GroupColumns &columns,
                        const GroupMoments &moments, const ExactMoments &exact,
                        const ParallelFor &parallelFor);

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_RECURSION_H
