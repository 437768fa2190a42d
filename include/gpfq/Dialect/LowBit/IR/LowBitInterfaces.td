// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef LOWBIT_INTERFACES
#define LOWBIT_INTERFACES

include "mlir/IR/OpBase.td"

def LowBitComputeOpInterface : OpInterface<"LowBitComputeOpInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    A contraction of an activation with integer weights, followed by an epilogue region: `lowbit.conv_2d`,
    `lowbit.depthwise_conv_2d`, `lowbit.matmul`, whose weights are constant, and `lowbit.batch_matmul`, whose
    weights are another activation. Operands are, in this order, the input, the weights, the fused operands
    and the init.
  }];
  let methods = [
    InterfaceMethod<"The activation: u8 codes in i8, bits where the layout has signs, or f32.", "::mlir::Value", "getInput">,
    InterfaceMethod<"The weights: levels in i8 (codes, if an activation), or packed bytes where there is a layout.",
                    "::mlir::Value", "getWeights">,
    InterfaceMethod<"One operand for each block argument after the accumulator.",
                    "::mlir::Operation::operand_range", "getFused">,
    InterfaceMethod<"The destination.", "::mlir::Value", "getInit">,
    InterfaceMethod<"The epilogue.", "::mlir::Region &", "getEpilogue">,
    InterfaceMethod<"The levels of the weights.", "::mlir::lowbit::AlphabetAttr", "getAlphabet">,
    InterfaceMethod<"Name of the layer; null if unknown.", "::mlir::StringAttr", "getLayerAttr">,
    InterfaceMethod<"Layout of packed weights; null before packing.",
                    "::mlir::lowbit::LayoutAttr", "getLayoutAttr">,
    InterfaceMethod<"Shape of the weights before packing.",
                    "::llvm::SmallVector<int64_t>", "getKernelShape">,
    InterfaceMethod<"Number of products in one accumulator.", "int64_t", "getReductionLength">,
    InterfaceMethod<"The largest code that the input may have.", "uint32_t", "getInputMax", (ins), "",
                    "return 255;">
  ];
  let extraSharedClassDeclaration = [{
    /// i32 for u8 codes, f32 for float activations.
    bool hasIntegerAccumulator() {
      return $_op.getEpilogue().getArgument(0).getType().isInteger(32);
    }
    /// True if the layer is packed and multiplies signs, which are bits.
    bool hasSigns() {
      ::mlir::lowbit::LayoutAttr layout = $_op.getLayoutAttr();
      return layout && layout.hasSigns();
    }
    /// True if the result holds bits.
    bool yieldsBits() {
      ::mlir::Block &body = $_op.getEpilogue().front();
      return !body.empty() && body.back().getNumOperands() == 1 &&
             body.back().getOperand(0).getType().isInteger(1);
    }
  }];
}

#endif // LOWBIT_INTERFACES
