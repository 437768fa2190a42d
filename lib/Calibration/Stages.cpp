// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/Stages.h"

#include "Reads.h"
#include "gpfq/Calibration/LayerTail.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::gpfq;

LogicalResult mlir::gpfq::verifyCalibratable(func::FuncOp function) {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError(
        "has control flow, and calibration needs a body of one block; inline or "
        "unroll it, or export the network without it");
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (isa<RegionBranchOpInterface>(op))
      return op.emitError(
          "is control flow, and calibration needs straight-line code; unroll it, or "
          "export the network without it");
    if (isa<CallOpInterface>(op))
      return op.emitError("is a call, and calibration needs the whole network in one function; run "
                          "inline first");
  }
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    Type element = tensor ? tensor.getElementType() : Type();
    if (!tensor || !(element.isF32() || element.isSignlessInteger(8) ||
                     element.isSignlessInteger(32) || element.isSignlessInteger(64)))
      return function.emitError("argument ")
             << i << " is " << type << ", and calibration takes tensors of f32, i8, i32 or i64";
    if (!tensor.hasStaticShape())
      return function.emitError("argument ") << i << " is " << type
                                             << ", and calibration needs tensors of static "
                                                "shape; run gpfq-specialize-batch, or "
                                                "export the network with fixed sizes";
  }
  return success();
}

FailureOr<std::vector<QuantizableOp>> mlir::gpfq::collectQuantizableOps(func::FuncOp function) {
  std::vector<QuantizableOp> result;
  for (Operation &op : function.getBody().front()) {
    bool isAnnotated = op.hasAttr(lowbit::layerAttrName);
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    std::string reason = "is not a convolution or matmul";
    std::optional<QuantizableOp> layer;
    if (linalgOp)
      layer = QuantizableOp::match(linalgOp, reason);
    if (layer)
      result.push_back(std::move(*layer));
    else if (isAnnotated)
      return op.emitError("carries ") << lowbit::layerAttrName << ", and " << reason;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Cutting
//===----------------------------------------------------------------------===//

/// Whether a step computes `op` anew where it needs the result. True for what costs nothing
/// (constants, changes of shape) and for dequantisation, so that one byte an element is live and
/// not four.
static bool isRematerialized(Operation *op) {
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, lowbit::DequantizeOp>(op))
    return true;
  return isMemoryEffectFree(op) && getReads(op).empty();
}

namespace {
class Cutter {
public:
  Cutter(func::FuncOp function, ArrayRef<linalg::LinalgOp> layerOps, const Schedule &schedule,
         const StageOptions &options)
      : function(function), layerOps(layerOps), schedule(schedule), options(options) {}

  FailureOr<StagedProgram> run() {
    program.layers.resize(layerOps.size());
    program.steps.resize(schedule.cuts.size() + options.withResults);
    for (auto [cut, layers] : llvm::enumerate(schedule.cuts))
      for (unsigned layer : layers)
        cutOf[layerOps[layer]] = int64_t(cut);
    computeSteps();
    for (auto [cut, layers] : llvm::enumerate(schedule.cuts))
      for (unsigned layer : layers)
        if (failed(addLayer(layer, int64_t(cut))))
          return failure();
    if (options.withResults && failed(addResults()))
      return failure();
    for (auto [i, step] : llvm::enumerate(program.steps))
      if (failed(connect(step, int64_t(i))))
        return failure();
    return std::move(program);
  }

private:
  /// The step that computes each value that depends on an argument; values that are constant have
  /// none.
  void computeSteps() {
    for (Value argument : function.getArguments())
      stepOf[argument] = 0;
    for (Operation &op : function.getBody().front().without_terminator()) {
      int64_t step = -1;
      for (Value read : getReads(&op))
        if (auto found = stepOf.find(read); found != stepOf.end())
          step = std::max(step, found->second);
      if (auto cut = cutOf.find(&op); cut != cutOf.end())
        step = cut->second + 1;
      if (step >= 0)
        for (Value value : op.getResults())
          stepOf[value] = step;
    }
  }

  /// Whether `op` is evaluated again by whoever reads it: it is constant, or cheap.
  bool isRecomputed(Operation *op) {
    return !cutOf.count(op) &&
           (isRematerialized(op) ||
            llvm::none_of(op->getResults(), [&](Value v) { return stepOf.count(v); }));
  }

  /// The values that must be live for `value` to be computed.
  void getRoots(Value value, SetVector<Value> &roots) {
    Operation *op = value.getDefiningOp();
    if (op && isRecomputed(op)) {
      for (Value read : getReads(op))
        getRoots(read, roots);
      return;
    }
    roots.insert(value);
  }

  FailureOr<unsigned> getIndex(Value value) {
    if (auto found = indices.find(value); found != indices.end())
      return found->second;
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.hasStaticShape() || !type.getElementType().isIntOrFloat()) {
      emitError(value.getLoc())
          << "a value of type " << value.getType()
          << " is live between two layers, and calibration needs tensors of static shape there; "
             "export the network with fixed sizes";
      return failure();
    }
    StagedProgram::LiveValue live;
    live.value = value;
    live.bytes =
        uint64_t(type.getNumElements()) * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    if (auto argument = dyn_cast<BlockArgument>(value))
      live.argument = int(argument.getArgNumber());
    unsigned index = unsigned(program.values.size());
    program.values.push_back(live);
    indices[value] = index;
    return index;
  }

  /// `value` is read in `step`: the ops that compute it, and theirs, are needed.
  FailureOr<unsigned> read(Value value, int64_t step) {
    FailureOr<unsigned> index = getIndex(value);
    if (failed(index))
      return failure();
    int64_t &last = program.values[*index].lastStep;
    last = std::max(last, step);
    Operation *op = value.getDefiningOp();
    if (!op || cutOf.count(op) || !needed.insert(op).second)
      return index;
    SetVector<Value> roots;
    for (Value operand : getReads(op))
      getRoots(operand, roots);
    int64_t opStep = stepOf.lookup(value);
    for (Value root : roots)
      if (failed(read(root, opStep)))
        return failure();
    return index;
  }

  /// `value`, or the codes that `dequantize` makes it from.
  FailureOr<StagedProgram::Operand> getOperand(Value value, lowbit::DequantizeOp dequantize) {
    StagedProgram::Operand operand;
    if (dequantize) {
      auto scale = getConstantFloats(dequantize.getScale());
      if (!scale || scale->values.size() != 1)
        return dequantize.emitError("has a scale that is not one constant");
      operand.isCode = true;
      operand.scale = scale->values[0];
      operand.zeroPoint = dequantize.getZeroPoint();
    }
    return operand;
  }

  /// Makes the shortcut of the tail of `op` an operand of the layer if it is there before `cut`.
  LogicalResult addShortcut(linalg::LinalgOp op, StagedProgram::Layer &layer, int64_t cut) {
    Value value = LayerTail::match(op->getResult(0)).shortcut;
    lowbit::DequantizeOp dequantize;
    while (Operation *def = value ? value.getDefiningOp() : nullptr) {
      auto pair = dyn_cast<lowbit::DequantizeOp>(def);
      bool isPair = pair && !pair.getAlphabet() && !dequantize;
      if (!isPair && !isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(def))
        break;
      if (isPair)
        dequantize = pair;
      value = def->getOperand(0);
    }
    if (!value || (value.getDefiningOp() && isRecomputed(value.getDefiningOp())) ||
        stepOf.lookup(value) > cut)
      return success();
    FailureOr<StagedProgram::Operand> operand = getOperand(value, dequantize);
    if (failed(operand))
      return failure();
    FailureOr<unsigned> index = read(value, cut);
    if (failed(index))
      return failure();
    operand->value = *index;
    layer.shortcut = *operand;
    return success();
  }

  LogicalResult addLayer(unsigned layer, int64_t cut) {
    linalg::LinalgOp op = layerOps[layer];
    std::string reason;
    std::optional<QuantizableOp> match = QuantizableOp::match(op, reason);
    QuantizableOp::Source source = QuantizableOp::getSource(op);
    StagedProgram::Layer &result = program.layers[layer];
    result.shape = match->shape;
    Value value = source.value;
    FailureOr<StagedProgram::Operand> input = getOperand(value, source.dequantize);
    if (failed(input))
      return failure();
    result.input = *input;
    if (!isa<RankedTensorType>(value.getType()) ||
        (value.getDefiningOp() && isRecomputed(value.getDefiningOp())))
      return op.emitError("has a constant input; fold it");
    if (options.withShortcuts && failed(addShortcut(op, result, cut)))
      return failure();
    // The last layers of all are not evaluated when nothing after them is needed.
    bool isLast = !options.withResults && cut + 1 == int64_t(schedule.cuts.size());
    int64_t lastStep = isLast ? cut : cut + 1;
    FailureOr<unsigned> index = read(value, lastStep);
    if (failed(index))
      return failure();
    result.input.value = *index;
    if (match->bias.empty() && !isLast) {
      SetVector<Value> roots;
      Value init = match->getInitOperand();
      getRoots(init, roots);
      if (roots.size() != 1 || roots[0] != init)
        return op.emitError(
            "has an init operand that is neither a constant for each output channel nor a "
            "computed tensor");
      FailureOr<unsigned> initIndex = read(init, lastStep);
      if (failed(initIndex))
        return failure();
      result.init = int(*initIndex);
    }
    FailureOr<unsigned> output = getIndex(op->getResult(0));
    if (failed(output))
      return failure();
    result.output = int(*output);
    return success();
  }

  LogicalResult addResults() {
    for (Value value : function.getBody().front().getTerminator()->getOperands()) {
      Operation *def = value.getDefiningOp();
      while (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(def)) {
        value = def->getOperand(0);
        def = value.getDefiningOp();
      }
      if ((def && isRecomputed(def)) || !getElementTypeOrSelf(value.getType()).isF32())
        continue;
      FailureOr<unsigned> index = read(value, int64_t(schedule.cuts.size()));
      if (failed(index))
        return failure();
      StagedProgram::Operand result;
      result.value = *index;
      program.results.push_back(result);
    }
    return success();
  }

  LogicalResult connect(StagedProgram::Step &step, int64_t number) {
    SetVector<unsigned> inputs;
    for (Operation &op : function.getBody().front().without_terminator()) {
      if (!needed.count(&op) || stepOf.lookup(op.getResult(0)) != number)
        continue;
      step.ops.push_back(&op);
      for (Value value : op.getResults())
        if (auto index = indices.find(value); index != indices.end())
          if (isReadOutside(value, number))
            step.outputs.push_back(index->second);
    }
    for (Operation *op : step.ops) {
      SetVector<Value> roots;
      for (Value operand : getReads(op))
        getRoots(operand, roots);
      for (Value root : roots)
        if (!llvm::is_contained(step.ops, root.getDefiningOp()) || isa<BlockArgument>(root))
          inputs.insert(indices.lookup(root));
    }
    step.inputs = inputs.takeVector();
    return success();
  }

  /// Whether a layer or a later step reads `value`, directly or through ops that are recomputed.
  bool isReadOutside(Value value, int64_t step) {
    if (program.values[indices.lookup(value)].lastStep > step)
      return true;
    unsigned index = indices.lookup(value);
    if (llvm::any_of(program.results, [&](const auto &result) { return result.value == index; }))
      return true;
    return llvm::any_of(program.layers, [&](const StagedProgram::Layer &layer) {
      return layer.input.value == index || layer.init == int(index) ||
             (layer.shortcut && layer.shortcut->value == index);
    });
  }

  func::FuncOp function;
  ArrayRef<linalg::LinalgOp> layerOps;
  const Schedule &schedule;
  const StageOptions options;
  StagedProgram program;
  DenseMap<Operation *, int64_t> cutOf;
  DenseMap<Value, int64_t> stepOf;
  DenseMap<Value, unsigned> indices;
  DenseSet<Operation *> needed;
};
} // namespace

FailureOr<StagedProgram> mlir::gpfq::cutIntoStages(func::FuncOp function,
                                                   ArrayRef<linalg::LinalgOp> layerOps,
                                                   const Schedule &schedule,
                                                   const StageOptions &options) {
  return Cutter(function, layerOps, schedule, options).run();
}

//===----------------------------------------------------------------------===//
// Outlining
//===----------------------------------------------------------------------===//

/// Clones into the builder's block what `value` is computed from and `mapping` does not have yet.
static void cloneReads(OpBuilder &builder, Operation *op, IRMapping &mapping) {
  for (Value read : getReads(op)) {
    if (mapping.contains(read))
      continue;
    cloneReads(builder, read.getDefiningOp(), mapping);
    builder.clone(*read.getDefiningOp(), mapping);
  }
}

void mlir::gpfq::outlineStage(ModuleOp module, StringRef name, const StagedProgram &program,
                              const StagedProgram::Step &step) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = module.getLoc();
  SmallVector<Type> types;
  auto addType = [&](unsigned index) {
    auto type = cast<RankedTensorType>(program.values[index].value.getType());
    types.push_back(MemRefType::get(type.getShape(), type.getElementType()));
  };
  llvm::for_each(step.inputs, addType);
  llvm::for_each(step.outputs, addType);
  auto function = func::FuncOp::create(builder, loc, name, builder.getFunctionType(types, {}));
  // No two buffers of one call overlap.
  for (unsigned i = 0; i < types.size(); ++i)
    function.setArgAttr(i, "llvm.noalias", builder.getUnitAttr());
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToStart(block);
  IRMapping mapping;
  for (auto [i, index] : llvm::enumerate(step.inputs)) {
    Value value = program.values[index].value;
    mapping.map(value, bufferization::ToTensorOp::create(builder, loc, value.getType(),
                                                         block->getArgument(i),
                                                         /*restrict=*/true));
  }
  for (Operation *op : step.ops) {
    cloneReads(builder, op, mapping);
    builder.clone(*op, mapping);
  }
  for (auto [i, index] : llvm::enumerate(step.outputs)) {
    auto store = bufferization::MaterializeInDestinationOp::create(
        builder, loc, TypeRange(), mapping.lookup(program.values[index].value),
        block->getArgument(step.inputs.size() + i));
    store.setRestrict(true);
    store.setWritable(true);
  }
  func::ReturnOp::create(builder, loc);
}
