// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq-c/Dialects.h"

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Pipelines/Register.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"

using namespace mlir;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(LowBit, lowbit, lowbit::LowBitDialect)

void gpfqRegisterAllDialects(MlirDialectRegistry registry) {
  gpfq::registerAllDialects(*unwrap(registry));
}

bool gpfqAttributeIsAAlphabet(MlirAttribute attribute) {
  return isa<lowbit::AlphabetAttr>(unwrap(attribute));
}

intptr_t gpfqAlphabetGetNumLevels(MlirAttribute alphabet) {
  return cast<lowbit::AlphabetAttr>(unwrap(alphabet)).getNumLevels();
}

int32_t gpfqAlphabetGetLevel(MlirAttribute alphabet, intptr_t index) {
  return cast<lowbit::AlphabetAttr>(unwrap(alphabet)).getLevels()[index];
}

unsigned gpfqAlphabetGetBits(MlirAttribute alphabet) {
  return cast<lowbit::AlphabetAttr>(unwrap(alphabet)).getBits();
}
