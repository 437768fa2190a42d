// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Element-wise loops of the quantiser, compiled for the instruction sets of FloatKernels.h: the
// body is a GPFQ_KERNEL function, which is inlined into a function for each of them. Operands must
// be parameters of the body: only parameters can be told not to overlap, without which loops are
// not vectorised.

#ifndef GPFQ_LIB_QUANTIZER_INSTRUCTIONSETS_H
#define GPFQ_LIB_QUANTIZER_INSTRUCTIONSETS_H

#include "gpfq/Calibration/FloatKernels.h"

#define GPFQ_KERNEL [[gnu::always_inline]] static inline

/// MACRO(suffix, attribute of a function) for each set.
#ifdef __x86_64__
#define GPFQ_FOR_EACH_SET(MACRO)                                                                   \
  MACRO(Baseline, )                                                                                \
  MACRO(V3, [[gnu::target("arch=x86-64-v3")]])                                                     \
  MACRO(V4, [[gnu::target("arch=x86-64-v4")]])
#define GPFQ_SELECT_SET(NAME)                                                                      \
  (floatIsa() == FloatIsa::X86_64_V4   ? NAME##V4                                                  \
   : floatIsa() == FloatIsa::X86_64_V3 ? NAME##V3                                                  \
                                       : NAME##Baseline)
#else
#define GPFQ_FOR_EACH_SET(MACRO) MACRO(Baseline, )
/// NAME with the suffix of floatIsa().
#define GPFQ_SELECT_SET(NAME) NAME##Baseline
#endif

#endif // GPFQ_LIB_QUANTIZER_INSTRUCTIONSETS_H
