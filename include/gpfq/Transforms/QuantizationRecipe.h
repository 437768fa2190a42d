// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From the options of gpfq-quantize-weights to the settings of the quantiser.

#ifndef GPFQ_TRANSFORMS_QUANTIZATIONRECIPE_H
#define GPFQ_TRANSFORMS_QUANTIZATIONRECIPE_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Quantizer/LayerQuantizer.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlir::gpfq {

/// Texts of options; "auto" leaves the choice to the recipe. Their values are those of the pass.
struct RecipeOptions {
  StringRef recipe = "best", method = "auto", step = "auto", order = "auto", sweeps = "auto",
            tabuMoves = "auto", alternations = "auto", clipRounds = "auto", poolRounds = "auto",
            scaleMatching = "auto", ridge = "auto", refit = "auto", biasCorrection = "auto",
            residualTargets = "auto", threshold = "none", lambda = "auto", lambdaUnit = "step";
  double stepFactor = 1.0, radiusQuantile = 1.0;
  int64_t accumulatorBits = 0, accumulatorTile = 0, blockSize = 32, seed = 0;
};

/// Layers whose targets include the error of the shortcut that is added to their output.
enum class ResidualTargets {
  None,
  /// Those behind whose sum there is a clipping activation function.
  Clipped,
  All
};

/// How all layers are quantised.
struct QuantizationRecipe {
  /// But for the alphabet and the granularity, which belong to the layer.
  ::gpfq::LayerSpec spec;
  /// The scale matching is the recipe's, which leaves it out where it is not possible.
  bool isScaleMatchingOptional = true;
  /// The tabu search is the recipe's, which leaves it out where it is not worth its time.
  bool isTabuSearchOptional = true;
  /// The hard threshold of a layer is the least positive level of its alphabet.
  bool isLambdaLeastLevel = false;
  ResidualTargets residualTargets = ResidualTargets::None;

  /// The settings of one layer.
  ::gpfq::LayerSpec getLayerSpec(const ::gpfq::Alphabet &alphabet, lowbit::LayerAttr layer) const;

  /// Names and values of all options, in one line: two recipes with the same line give the same
  /// levels.
  std::string str() const;

  /// The failure names the option and its values.
  static ::gpfq::Result<QuantizationRecipe> create(const RecipeOptions &options);
};

} // namespace mlir::gpfq

#endif // GPFQ_TRANSFORMS_QUANTIZATIONRECIPE_H
