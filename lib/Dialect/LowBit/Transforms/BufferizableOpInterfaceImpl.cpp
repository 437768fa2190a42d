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
struct DestinationOpInterface
    : DstBufferizableOpInterfaceExternalModel<DestinationOpInterface<OpTy>, OpTy> {
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
    for (Region &region : op->getRegions())
      rewriter.inlineRegionBefore(region, *created.addRegion(), created.regions.back()->begin());
    rewriter.create(created);
    // The inits are the last operands, one for each result.
    replaceOpWithBufferizedValues(rewriter, op, ArrayRef(buffers).take_back(op->getNumResults()));
    return success();
  }
};

} // namespace

void mlir::lowbit::registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LowBitDialect *) {
    Conv2DOp::attachInterface<DestinationOpInterface<Conv2DOp>>(*context);
    DepthwiseConv2DOp::attachInterface<DestinationOpInterface<DepthwiseConv2DOp>>(*context);
    MatmulOp::attachInterface<DestinationOpInterface<MatmulOp>>(*context);
    BatchMatmulOp::attachInterface<DestinationOpInterface<BatchMatmulOp>>(*context);
    PackOp::attachInterface<DestinationOpInterface<PackOp>>(*context);
    PackSignsOp::attachInterface<DestinationOpInterface<PackSignsOp>>(*context);
    QuantizeRowsOp::attachInterface<DestinationOpInterface<QuantizeRowsOp>>(*context);
  });
}
