// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/Transforms/BufferizableOpInterfaceImpl.h"

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/IR/Dialect.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::lowbit;

namespace {

template <typename OpTy>
struct ComputeOpInterface
    : DstBufferizableOpInterfaceExternalModel<ComputeOpInterface<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options, BufferizationState &state) const {
    SmallVector<Value> buffers;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    rewriter.setInsertionPoint(op);
    OperationState created(op->getLoc(), op->getName(), buffers, TypeRange(), op->getAttrs());
    rewriter.inlineRegionBefore(op->getRegion(0), *created.addRegion(),
                                created.regions[0]->begin());
    rewriter.create(created);
    replaceOpWithBufferizedValues(rewriter, op, buffers.back());
    return success();
  }
};

} // namespace

void mlir::lowbit::registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LowBitDialect *) {
    Conv2DOp::attachInterface<ComputeOpInterface<Conv2DOp>>(*context);
    DepthwiseConv2DOp::attachInterface<ComputeOpInterface<DepthwiseConv2DOp>>(*context);
    MatmulOp::attachInterface<ComputeOpInterface<MatmulOp>>(*context);
  });
}
