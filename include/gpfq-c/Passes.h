// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/* The passes and pipelines for programs in C. */

#ifndef GPFQ_C_PASSES_H
#define GPFQ_C_PASSES_H

#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Registers the passes and pipelines of gpfq-mlir (docs/reference) and those of upstream MLIR with
   the global registry, so that mlirParsePassPipeline and mlirOpPassManagerAddPipeline take their
   names and options. Call it once. */
MLIR_CAPI_EXPORTED void gpfqRegisterAllPasses(void);

#ifdef __cplusplus
}
#endif

#endif /* GPFQ_C_PASSES_H */
