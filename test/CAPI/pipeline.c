/* Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* The C API: dialect, attributes, passes and pipelines. */

// UNSUPPORTED: sanitizers
// RUN: %clang -std=c11 -Wall -Wextra -Werror -I%gpfq_include -isystem %mlir_include %s \
// RUN:     %gpfq_libs/libGPFQ-C.so -Wl,-rpath,%gpfq_libs -o %t
// RUN: %t 2>&1 | FileCheck %s
// RUN: llvm-nm -DC --defined-only %gpfq_libs/libGPFQ-C.so | not grep " T mlir::PassManager::run("

#include "gpfq-c/Dialects.h"
#include "gpfq-c/Passes.h"
#include "mlir-c/BuiltinAttributes.h"
#include "mlir-c/Diagnostics.h"
#include "mlir-c/IR.h"
#include "mlir-c/Pass.h"

#include <stdio.h>
#include <stdlib.h>

static const char network[] =
    "func.func @net(%x: tensor<1x4xi8>, %s: tensor<1xf32>) -> tensor<1x4xf32> {\n"
    "  %y = lowbit.dequantize %x, %s : tensor<1x4xi8>, tensor<1xf32> -> tensor<1x4xf32>\n"
    "  return %y : tensor<1x4xf32>\n"
    "}\n";

static void print(MlirStringRef text, void *stream) {
  fwrite(text.data, 1, text.length, (FILE *)stream);
}

static MlirStringRef ref(const char *text) { return mlirStringRefCreateFromCString(text); }

static void checkAlphabet(MlirContext context) {
  MlirAttribute alphabet =
      mlirAttributeParseGet(context, ref("#lowbit.alphabet<levels, [-5, 0, 3]>"));
  if (mlirAttributeIsNull(alphabet) || !gpfqAttributeIsAAlphabet(alphabet) ||
      gpfqAttributeIsAAlphabet(mlirUnitAttrGet(context)))
    exit(1);
  printf("bits %u levels", gpfqAlphabetGetBits(alphabet));
  for (intptr_t i = 0; i < gpfqAlphabetGetNumLevels(alphabet); ++i)
    printf(" %d", gpfqAlphabetGetLevel(alphabet, i));
  printf("\n");
}

static int runPipeline(MlirContext context, MlirModule module, const char *pipeline) {
  MlirPassManager manager = mlirPassManagerCreate(context);
  MlirOpPassManager passes = mlirPassManagerGetAsOpPassManager(manager);
  int ok =
      mlirLogicalResultIsSuccess(mlirParsePassPipeline(passes, ref(pipeline), print, stdout)) &&
      mlirLogicalResultIsSuccess(mlirPassManagerRunOnOp(manager, mlirModuleGetOperation(module)));
  mlirPassManagerDestroy(manager);
  return ok;
}

int main(void) {
  /* The dialect alone. */
  MlirContext small = mlirContextCreate();
  mlirDialectHandleRegisterDialect(mlirGetDialectHandle__lowbit__(), small);
  mlirContextGetOrLoadDialect(small, ref("lowbit"));
  // CHECK: bits 2 levels -5 0 3
  checkAlphabet(small);
  mlirContextDestroy(small);

  /* Everything. */
  gpfqRegisterAllPasses();
  MlirContext context = mlirContextCreate();
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  gpfqRegisterAllDialects(registry);
  mlirContextAppendDialectRegistry(context, registry);
  mlirDialectRegistryDestroy(registry);

  MlirModule module = mlirModuleCreateParse(context, ref(network));
  if (mlirModuleIsNull(module))
    return 1;
  // CHECK: bad option 0
  printf("bad option %d\n", runPipeline(context, module, "builtin.module(lowbit-fuse{x=1})"));
  // CHECK: to linalg 1
  printf("to linalg %d\n", runPipeline(context, module, "builtin.module(lowbit-to-linalg)"));
  fflush(stdout);
  // CHECK: func.func @net
  // CHECK-NOT: lowbit
  // CHECK: linalg.generic
  mlirOperationPrint(mlirModuleGetOperation(module), print, stdout);
  fflush(stdout);
  // CHECK: to LLVM 1
  printf("to LLVM %d\n",
         runPipeline(context, module, "builtin.module(lowbit-to-llvm{target=generic})"));
  fflush(stdout);
  // CHECK: llvm.func @net
  mlirOperationPrint(mlirModuleGetOperation(module), print, stdout);
  mlirModuleDestroy(module);
  mlirContextDestroy(context);
  return 0;
}
