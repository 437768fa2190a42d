// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_PIPELINES_TOIREE_H
#define GPFQ_PIPELINES_TOIREE_H

#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::gpfq {

/// Options of `gpfq-to-iree`.
struct ToIREEOptions : PassPipelineOptions<ToIREEOptions> {
  PassOptions::Option<bool> packWeights{
      *this, "pack-weights", llvm::cl::init(true),
      llvm::cl::desc("Store levels of up to four bits several in a byte")};
  PassOptions::Option<bool> roundProducts{
      *this, "round-products", llvm::cl::init(true),
      llvm::cl::desc("Keep IREE from fusing products into sums, for equal bits")};
};

/// Level 2 or 3, or a float network, to linalg, tensor, arith, math and scf alone, in the forms
/// that iree-compile takes as text (docs/iree.md). A dynamic batch comes back as a loop over
/// samples.
void buildToIREEPipeline(OpPassManager &pm, const ToIREEOptions &options);

/// Registers `gpfq-to-iree` with the global registry.
void registerToIREEPipeline();

} // namespace mlir::gpfq

#endif // GPFQ_PIPELINES_TOIREE_H
