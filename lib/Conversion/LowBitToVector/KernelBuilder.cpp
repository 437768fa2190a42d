// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

KernelBuilder::KernelBuilder(LowBitComputeOpInterface op, OpBuilder &builder, ValueRange buffers,
                             const KernelTarget &target, bool emulateDot)
    : LoopBuilder(op->getLoc(), builder), target(target), isInteger(op.hasIntegerAccumulator()),
      input(buffers.front()), init(buffers.back()), weights{buffers[1], PackedGeometry(op)}, op(op),
      fused(buffers.drop_front(2).drop_back()), emulateDot(emulateDot),
      lanes(weights.geometry.lanes), biasAddition(matchBiasAddition(op)) {
  if (!emulateDot && target.packsCodes())
    codeRounding = matchCodeRounding(op);
}

VectorType KernelBuilder::getAccumulatorType() {
  return getVectorType(isInteger ? Type(getI32Type()) : Type(getF32Type()));
}

Value KernelBuilder::makeOpaque(Value index, ValueRange before) {
  SmallVector<Value> operands = {arith::IndexCastOp::create(*this, getI64Type(), index)};
  std::string constraints = "=r,0";
  StringRef vector = emulateDot ? "" : target.getVectorConstraint();
  for (Value value : before)
    if (!vector.empty()) {
      operands.push_back(value);
      constraints += ("," + vector).str();
    }
  auto dialect = LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT);
  auto assembly = LLVM::InlineAsmOp::create(
      *this, getI64Type(), operands, /*asm_string=*/"", constraints,
      /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None, dialect,
      /*operand_attrs=*/ArrayAttr());
  return arith::IndexCastOp::create(*this, getIndexType(), assembly.getResult(0));
}

Value KernelBuilder::makeOpaqueVector(Value vector) {
  auto dialect = LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT);
  return LLVM::InlineAsmOp::create(*this, vector.getType(), vector, /*asm_string=*/"",
                                   ("=" + target.getVectorConstraint() + ",0").str(),
                                   /*has_side_effects=*/false,
                                   /*is_align_stack=*/false, LLVM::TailCallKind::None, dialect,
                                   /*operand_attrs=*/ArrayAttr())
      .getResult(0);
}

SmallVector<TileRange, 2> mlir::gpfq::getPanelRanges(const PackedGeometry &g) {
  SmallVector<TileRange, 2> ranges;
  if (int64_t full = g.getFullPanels())
    ranges.push_back({g.getPanelChannels(), full, 0});
  if (int64_t tail = g.getTailChannels())
    ranges.push_back({tail, 1, g.getFullPanels() * g.getPanelChannels()});
  return ranges;
}
