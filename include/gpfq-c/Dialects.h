// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/* The lowbit dialect for programs in C, beside upstream's MLIR C API (mlir-c/). */

#ifndef GPFQ_C_DIALECTS_H
#define GPFQ_C_DIALECTS_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/* mlirGetDialectHandle__lowbit__: the dialect by itself. */
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(LowBit, lowbit);

/* Adds the lowbit dialect, all dialects of upstream MLIR and their extensions to `registry`:
   everything that the passes of gpfq-c/Passes.h load. Append the registry to a context with
   mlirContextAppendDialectRegistry before the first pass manager runs there. */
MLIR_CAPI_EXPORTED void gpfqRegisterAllDialects(MlirDialectRegistry registry);

/* Is `attribute` a #lowbit.alphabet? */
MLIR_CAPI_EXPORTED bool gpfqAttributeIsAAlphabet(MlirAttribute attribute);

/* Number of levels of a #lowbit.alphabet. */
MLIR_CAPI_EXPORTED intptr_t gpfqAlphabetGetNumLevels(MlirAttribute alphabet);

/* Level `index`, ascending; `index` is from 0 to the number of levels less 1. */
MLIR_CAPI_EXPORTED int32_t gpfqAlphabetGetLevel(MlirAttribute alphabet, intptr_t index);

/* Bits that a packed weight of the alphabet takes. */
MLIR_CAPI_EXPORTED unsigned gpfqAlphabetGetBits(MlirAttribute alphabet);

#ifdef __cplusplus
}
#endif

#endif /* GPFQ_C_DIALECTS_H */
