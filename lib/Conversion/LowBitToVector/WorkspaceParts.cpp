// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "WorkspaceParts.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;

Value WorkspaceParts::makeState(OpBuilder &builder, Location loc, int64_t count) {
  auto type = MemRefType::get(1 + 2 * count, builder.getI32Type());
  Value state = memref::AllocOp::create(builder, loc, type);
  auto vectorType = VectorType::get(type.getShape(), type.getElementType());
  Value zeros = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(vectorType));
  Value first = arith::ConstantIndexOp::create(builder, loc, 0);
  vector::StoreOp::create(builder, loc, zeros, state, ValueRange(first));
  return state;
}

Value WorkspaceParts::update(arith::AtomicRMWKind kind, Value operand, Value place) {
  return memref::AtomicRMWOp::create(b, kind, operand, state, place);
}

Value WorkspaceParts::getBit(Value part) {
  Value shift = arith::IndexCastOp::create(b, b.getI32Type(), part);
  return arith::ShLIOp::create(b, constant(1), shift);
}

Value WorkspaceParts::take(Value chunk) {
  // Word `chunk` is that of the chunk before; that of the first is the bits, hence its own part.
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chunk, b.index(0));
  Value before = update(arith::AtomicRMWKind::ori, constant(0), chunk);
  Value isUnknown = arith::OrIOp::create(
      b, isFirst, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, before, constant(0)));
  Value partBefore = arith::IndexCastOp::create(b, b.getIndexType(),
                                                arith::SubIOp::create(b, before, constant(1)));
  Value wanted = arith::SelectOp::create(b, isUnknown, chunk, partBefore);

  auto search = scf::WhileOp::create(
      b, b.getIndexType(), wanted,
      [&](OpBuilder &, Location, ValueRange tried) {
        Value bit = getBit(tried[0]);
        Value bits = update(arith::AtomicRMWKind::ori, bit, b.index(0));
        Value isTaken = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                              arith::AndIOp::create(b, bits, bit), constant(0));
        scf::ConditionOp::create(b, isTaken, tried);
      },
      [&](OpBuilder &, Location, ValueRange tried) {
        Value next = b.createOrFold<arith::RemUIOp>(b.add(tried[0], 1), b.index(count));
        scf::YieldOp::create(b, next);
      });
  part = search.getResult(0);
  Value number = arith::IndexCastOp::create(b, b.getI32Type(), b.add(part, 1));
  update(arith::AtomicRMWKind::assign, number, b.add(chunk, 1));
  return part;
}

void WorkspaceParts::release() {
  Value others = arith::XOrIOp::create(b, getBit(part), constant(-1));
  update(arith::AtomicRMWKind::andi, others, b.index(0));
}

void WorkspaceParts::buildUnlessTagged(Value tag, function_ref<void()> body) {
  Value number = arith::IndexCastOp::create(b, b.getI32Type(), b.add(tag, 1));
  Value place = b.add(part, 1 + count);
  Value current = memref::LoadOp::create(b, state, place);
  Value isOther = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, current, number);
  b.buildIf(isOther, [&] {
    body();
    memref::StoreOp::create(b, number, state, place);
  });
}
