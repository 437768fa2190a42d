// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_DIALECT_LOWBIT_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define GPFQ_DIALECT_LOWBIT_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::lowbit {

/// Lets one-shot-bufferize turn the compute ops on tensors into the same ops on memrefs: the result
/// aliases the init, which is written but never read.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
