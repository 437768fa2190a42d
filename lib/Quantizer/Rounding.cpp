// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Rounding.h"

using namespace gpfq;

float gpfq::lambdaInSteps(const LayerSpec &spec, float step) {
  switch (spec.lambdaUnit) {
  case LambdaUnit::Step:
    return static_cast<float>(spec.lambda);
  case LambdaUnit::Radius:
    return static_cast<float>(spec.lambda * spec.alphabet.maxMagnitude());
  case LambdaUnit::Weight:
    return static_cast<float>(spec.lambda / step);
  }
  return 0.0f;
}
