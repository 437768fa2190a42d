// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Target/Target.h"

#include "Targets.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace mlir::gpfq;

Value mlir::gpfq::callIntrinsic(OpBuilder &builder, Location loc, StringRef name, Type type,
                                ValueRange arguments) {
  return LLVM::CallIntrinsicOp::create(builder, loc, type, builder.getStringAttr(name), arguments)
      .getResult(0);
}

Value mlir::gpfq::splat(OpBuilder &builder, Location loc, Type type, int64_t value) {
  auto vector = cast<VectorType>(type);
  APInt bits(vector.getElementTypeBitWidth(), uint64_t(value), /*isSigned=*/true,
             /*implicitTrunc=*/true);
  return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(vector, bits));
}

Value mlir::gpfq::emitPortableDot(OpBuilder &builder, Location loc, Value acc, Value codes,
                                  Value levels) {
  auto type = cast<VectorType>(acc.getType());
  Value codeLanes = vector::BitCastOp::create(builder, loc, type, codes);
  Value levelLanes = vector::BitCastOp::create(builder, loc, type, levels);
  for (int32_t byte = 0; byte < 4; ++byte) {
    Value code = codeLanes, level = levelLanes;
    if (byte > 0)
      code = arith::ShRUIOp::create(builder, loc, code, splat(builder, loc, type, 8 * byte));
    if (byte < 3) {
      code = arith::AndIOp::create(builder, loc, code, splat(builder, loc, type, 0xff));
      level = arith::ShLIOp::create(builder, loc, level, splat(builder, loc, type, 24 - 8 * byte));
    }
    level = arith::ShRSIOp::create(builder, loc, level, splat(builder, loc, type, 24));
    Value product = arith::MulIOp::create(builder, loc, code, level);
    acc = arith::AddIOp::create(builder, loc, acc, product);
  }
  return acc;
}

Value mlir::gpfq::emitPortablePairDot(OpBuilder &builder, Location loc, Value acc, Value codes,
                                      Value levels) {
  auto type = cast<VectorType>(acc.getType());
  Value sixteen = splat(builder, loc, type, 16);
  auto extract = [&](Value words, bool high) -> Value {
    Value lanes = vector::BitCastOp::create(builder, loc, type, words);
    if (!high)
      lanes = arith::ShLIOp::create(builder, loc, lanes, sixteen);
    return arith::ShRSIOp::create(builder, loc, lanes, sixteen);
  };
  for (bool high : {false, true}) {
    Value product =
        arith::MulIOp::create(builder, loc, extract(codes, high), extract(levels, high));
    acc = arith::AddIOp::create(builder, loc, acc, product);
  }
  return acc;
}

/// Bytes as half as many words.
static Value castToWords(OpBuilder &builder, Location loc, Value bytes) {
  int64_t size = cast<VectorType>(bytes.getType()).getNumElements();
  return vector::BitCastOp::create(builder, loc, VectorType::get(size / 2, builder.getI16Type()),
                                   bytes);
}

std::array<Value, 2> mlir::gpfq::emitCodeWords(OpBuilder &builder, Location loc, Value codes) {
  Value words = castToWords(builder, loc, codes);
  Type type = words.getType();
  return {arith::AndIOp::create(builder, loc, words, splat(builder, loc, type, 0xff)),
          arith::ShRUIOp::create(builder, loc, words, splat(builder, loc, type, 8))};
}

std::array<Value, 2> mlir::gpfq::emitLevelWords(OpBuilder &builder, Location loc, Value levels) {
  Value words = castToWords(builder, loc, levels);
  Value eight = splat(builder, loc, words.getType(), 8);
  Value evenOnTop = arith::ShLIOp::create(builder, loc, words, eight);
  return {arith::ShRSIOp::create(builder, loc, evenOnTop, eight),
          arith::ShRSIOp::create(builder, loc, words, eight)};
}

Value mlir::gpfq::emitDeinterleave(OpBuilder &builder, Location loc, ArrayRef<Value> vectors) {
  int64_t lanes = cast<VectorType>(vectors[0].getType()).getNumElements();
  auto concatenate = [&](Value a, Value b) -> Value {
    int64_t size = cast<VectorType>(a.getType()).getNumElements();
    return vector::ShuffleOp::create(builder, loc, a, b,
                                     llvm::to_vector(llvm::seq<int64_t>(2 * size)));
  };
  Value low = concatenate(vectors[0], vectors[1]), high = concatenate(vectors[2], vectors[3]);
  SmallVector<int64_t> order;
  for (int64_t channel = 0; channel < 4 * lanes; ++channel)
    order.push_back(channel % 16 / 4 * lanes + channel / 16 * 4 + channel % 4);
  return vector::ShuffleOp::create(builder, loc, low, high, order);
}

ArrayRef<const KernelTarget *> mlir::gpfq::getKernelTargets() {
  static const KernelTarget *const targets[] = {
      &getZnver4Target(),         &getAvx512VpopcntdqTarget(),
      &getAvx512VnniTarget(),     &getAvxVnniTarget(),
      &getAvx2Target(),           &getAArch64I8mmTarget(),
      &getAArch64DotprodTarget(), &getGenericTarget()};
  return targets;
}

bool mlir::gpfq::canRunOnHost(const KernelTarget &target) {
  static const llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  return llvm::all_of(target.getRequiredFeatures(),
                      [](StringRef feature) { return features.lookup(feature); });
}

StringRef mlir::gpfq::getTriple(ArrayRef<const KernelTarget *> targets) {
  for (const KernelTarget *target : targets)
    if (!target->getTriple().empty())
      return target->getTriple();
  return "";
}

StringRef mlir::gpfq::getClock(StringRef triple) {
  llvm::Triple machine(triple.empty() ? llvm::sys::getDefaultTargetTriple() : triple.str());
  // On x86 the time stamp counter; that of AArch64 is for privileged code, and there is another.
  return machine.isX86() ? "llvm.readcyclecounter" : "llvm.readsteadycounter";
}

FailureOr<SmallVector<const KernelTarget *>>
mlir::gpfq::getKernelTargets(ArrayRef<std::string> names,
                             function_ref<InFlightDiagnostic()> emitError) {
  llvm::SmallPtrSet<const KernelTarget *, 4> wanted;
  for (StringRef name : names) {
    FailureOr<const KernelTarget *> target = getKernelTarget(name, emitError);
    if (failed(target))
      return failure();
    wanted.insert(*target);
  }
  SmallVector<const KernelTarget *> targets;
  for (const KernelTarget *target : getKernelTargets())
    if (wanted.contains(target))
      targets.push_back(target);
  StringRef triple = getTriple(targets);
  for (const KernelTarget *target : targets)
    if (!target->getTriple().empty() && target->getTriple() != triple)
      return emitError() << "targets '" << targets.front()->getName() << "' and '"
                         << target->getName()
                         << "' are of different architectures; compile a library for each";
  return targets;
}

FailureOr<const KernelTarget *>
mlir::gpfq::getKernelTarget(StringRef name, function_ref<InFlightDiagnostic()> emitError) {
  for (const KernelTarget *target : getKernelTargets())
    if (name == "host" ? canRunOnHost(*target) : target->getName() == name)
      return target;
  InFlightDiagnostic diagnostic = emitError();
  diagnostic << "unknown target '" << name << "'; known are host";
  for (const KernelTarget *target : getKernelTargets())
    diagnostic << ", " << target->getName();
  return diagnostic;
}
