// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels for x86-64-v3 (AVX2 and FMA): 16 registers of 256 bits.

#define GPFQ_VECTOR_BYTES 32
#define GPFQ_TILE_ROWS 6
#include "FloatMicroKernels.h"

const gpfq::FloatKernelTable gpfq::floatKernelsV3 = gpfq::makeTable();
