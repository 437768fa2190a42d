// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels for any CPU: 128-bit vectors.

#define GPFQ_VECTOR_BYTES 16
#define GPFQ_TILE_ROWS 6
#include "FloatMicroKernels.h"

const gpfq::FloatKernelTable gpfq::floatKernelsBaseline = gpfq::makeTable();
