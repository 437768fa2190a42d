// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Cutting the body of a function into stages between its convolutions and matmuls.

#ifndef GPFQ_CALIBRATION_STAGES_H
#define GPFQ_CALIBRATION_STAGES_H

#include "gpfq/Calibration/QuantizableOp.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/BitVector.h"
#include <optional>

namespace mlir::gpfq {

/// Checks that `function` can be calibrated: one block, static shapes, no control flow. Emits an
/// error at the op that is in the way.
LogicalResult verifyCalibratable(func::FuncOp function);

/// All convolutions and matmuls of `function` with constant weights, in program order, whether or
/// not they carry a `lowbit.layer`. Emits an error for an op that carries one and cannot be
/// quantised.
FailureOr<std::vector<QuantizableOp>> collectQuantizableOps(func::FuncOp function);

/// The order of evaluation: layers with the same cut index are evaluated together, and what a layer
/// depends on has a lower cut index. Layers with equal weights and settings share a cut, so that
/// one set of levels is computed from the data of all of them.
struct Schedule {
  /// Indices of layers. The layers of a cut of several have equal weights.
  std::vector<SmallVector<unsigned>> cuts;
  /// For a layer whose weights equal those of an earlier layer that it depends on: that layer,
  /// whose levels it takes over.
  llvm::DenseMap<unsigned, unsigned> reuses;
  /// For each layer the layers that its input depends on.
  std::vector<llvm::BitVector> dependencies;
};
Schedule scheduleLayers(func::FuncOp function, MutableArrayRef<QuantizableOp> layers);

/// For each layer whether the quantised network gives it another input than the float one: where
/// activations are quantised, or, with `weightsDiffer`, where a layer that it depends on is.
llvm::BitVector getDifferingInputs(func::FuncOp function, ArrayRef<QuantizableOp> layers,
                                   bool weightsDiffer = true);

/// One network, float or quantised, as steps. Step k evaluates the layers of cut k-1, then the
/// other ops that can be evaluated by then and that a later layer needs. Steps communicate through
/// values.
struct StagedProgram {
  struct LiveValue {
    Value value;
    uint64_t bytes = 0;
    /// Index of the function argument, or -1.
    int argument = -1;
    /// The last step that reads it.
    int64_t lastStep = 0;
  };
  /// What a layer reads as f32: the live value, or codes that are to be dequantised.
  struct Operand {
    unsigned value = 0;
    bool isCode = false;
    float scale = 1.0f;
    int32_t zeroPoint = 0;
  };
  struct Layer {
    Operand input;
    ::gpfq::ConvShape shape;
    /// The init operand when it is not a constant, and the result; a value index or -1.
    int init = -1, output = -1;
    /// The shortcut of the layer's tail, if it is computed by the time the layer is; when asked
    /// for.
    std::optional<Operand> shortcut;
  };
  struct Step {
    /// Ops of the stage, in program order.
    SmallVector<Operation *> ops;
    /// Values read and written by them.
    SmallVector<unsigned> inputs, outputs;
  };

  std::vector<LiveValue> values;
  std::vector<Layer> layers;
  std::vector<Step> steps;
  /// What the function returns, but for results that are constant; when asked for.
  std::vector<Operand> results;
};

struct StageOptions {
  /// Adds a last step, which evaluates the last layers and computes what the function returns.
  bool withResults = false;
  /// Makes the shortcuts of layers operands of theirs.
  bool withShortcuts = false;
};

/// Cuts `function` at `layerOps`, which belong to it. Constants, changes of shape and
/// dequantisations are not live across cuts: whoever needs them computes them again from their
/// operands.
FailureOr<StagedProgram> cutIntoStages(func::FuncOp function, ArrayRef<linalg::LinalgOp> layerOps,
                                       const Schedule &schedule, const StageOptions &options = {});

/// Adds to `module` a function `name` of memrefs, first the inputs of the step, then its outputs,
/// which computes the stage.
void outlineStage(ModuleOp module, StringRef name, const StagedProgram &program,
                  const StagedProgram::Step &step);

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_STAGES_H
