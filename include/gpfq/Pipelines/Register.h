// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_PIPELINES_REGISTER_H
#define GPFQ_PIPELINES_REGISTER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::gpfq {

/// Adds the lowbit dialect with its external models, and nothing of upstream MLIR. For a host that
/// has registered upstream's dialects itself: a plugin, the C API.
void registerGPFQDialects(DialectRegistry &registry);

/// Registers the passes and pipelines of this project alone with the global registry.
void registerGPFQPasses();

/// Adds the lowbit dialect, the upstream dialects that its programs use, and all extensions
/// (bufferization and other external models) to `registry`. Shared by the tools.
void registerAllDialects(DialectRegistry &registry);

/// Registers the passes and pipelines of this project and of upstream MLIR with the global
/// registry.
void registerAllPasses();

} // namespace mlir::gpfq

#endif // GPFQ_PIPELINES_REGISTER_H
