// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Reads.h"
#include "gpfq/Calibration/Stages.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace mlir::gpfq;

static DenseMap<Operation *, unsigned> getIndices(ArrayRef<QuantizableOp> layers) {
  DenseMap<Operation *, unsigned> result;
  for (auto [i, layer] : llvm::enumerate(layers))
    result[layer.op] = unsigned(i);
  return result;
}

/// For each layer the layers that it depends on.
static std::vector<llvm::BitVector> getLayerDependencies(func::FuncOp function,
                                                         ArrayRef<QuantizableOp> layers) {
  DenseMap<Operation *, unsigned> indices = getIndices(layers);
  std::vector<llvm::BitVector> result(layers.size());
  DenseMap<Value, llvm::BitVector> dependencies;
  for (Operation &op : function.getBody().front()) {
    llvm::BitVector sum(layers.size());
    for (Value read : getReads(&op))
      if (auto found = dependencies.find(read); found != dependencies.end())
        sum |= found->second;
    if (auto index = indices.find(&op); index != indices.end()) {
      result[index->second] = sum;
      sum.set(index->second);
    }
    if (sum.any())
      for (Value value : op.getResults())
        dependencies[value] = sum;
  }
  return result;
}

Schedule mlir::gpfq::scheduleLayers(func::FuncOp function, MutableArrayRef<QuantizableOp> layers) {
  std::vector<llvm::BitVector> dependencies = getLayerDependencies(function, layers);
  auto isSame = [&](const QuantizableOp &a, const QuantizableOp &b) {
    return a.layer && b.layer && a.layer.getAlphabet() == b.layer.getAlphabet() &&
           a.layer.getGranularity() == b.layer.getGranularity() &&
           a.layer.getBlockSize() == b.layer.getBlockSize() && a.groups() == b.groups() &&
           a.columns() == b.columns() && a.weights == b.weights;
  };
  // Groups of equal weights, by first member.
  std::vector<SmallVector<unsigned>> groups;
  for (unsigned i = 0; i < layers.size(); ++i) {
    auto group = llvm::find_if(
        groups, [&](ArrayRef<unsigned> g) { return isSame(layers[g.front()], layers[i]); });
    if (group == groups.end())
      groups.push_back({i});
    else
      group->push_back(i);
  }

  Schedule schedule;
  schedule.dependencies = dependencies;
  llvm::BitVector done(layers.size());
  auto isReady = [&](unsigned layer) { return !dependencies[layer].test(done); };
  auto take = [&](SmallVector<unsigned> cut) {
    for (unsigned layer : cut)
      done.set(layer);
    schedule.cuts.push_back(std::move(cut));
  };
  while (!groups.empty()) {
    auto ready =
        llvm::find_if(groups, [&](ArrayRef<unsigned> g) { return llvm::all_of(g, isReady); });
    if (ready != groups.end()) {
      take(*ready);
      groups.erase(ready);
      continue;
    }
    // A layer of the group depends on another one: those that are ready give the levels.
    auto partly =
        llvm::find_if(groups, [&](ArrayRef<unsigned> g) { return llvm::any_of(g, isReady); });
    SmallVector<unsigned> now, later;
    for (unsigned layer : *partly)
      (isReady(layer) ? now : later).push_back(layer);
    take(now);
    groups.erase(partly);
    for (unsigned layer : later) {
      schedule.reuses[layer] = now.front();
      groups.push_back({layer});
    }
  }
  return schedule;
}

llvm::BitVector mlir::gpfq::getDifferingInputs(func::FuncOp function,
                                               ArrayRef<QuantizableOp> layers, bool weightsDiffer) {
  DenseMap<Operation *, unsigned> indices = getIndices(layers);
  llvm::BitVector result(layers.size());
  DenseSet<Value> differing;
  for (Operation &op : function.getBody().front()) {
    bool differs = isa<lowbit::QuantizeOp, lowbit::QuantizeRowsOp>(op) ||
                   llvm::any_of(getReads(&op), [&](Value v) { return differing.contains(v); });
    if (auto index = indices.find(&op); index != indices.end()) {
      result[index->second] = differs;
      differs |= weightsDiffer && bool(layers[index->second].layer);
    }
    if (differs)
      differing.insert(op.result_begin(), op.result_end());
  }
  return result;
}
