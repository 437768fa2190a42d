// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels for x86-64-v4 (AVX-512): 32 registers of 512 bits.

#define GPFQ_VECTOR_BYTES 64
#define GPFQ_TILE_ROWS 14
#include "FloatMicroKernels.h"

const gpfq::FloatKernelTable gpfq::floatKernelsV4 = gpfq::makeTable();
