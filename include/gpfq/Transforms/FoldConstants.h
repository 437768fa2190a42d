// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TRANSFORMS_FOLDCONSTANTS_H
#define GPFQ_TRANSFORMS_FOLDCONSTANTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::gpfq {

/// Replaces elementwise `linalg.generic`s of constant f32 tensors by their values, with the
/// assertions in them if they hold, and those that extract elements of one at places that are
/// affine in their own. Copies stay (`getConstantFloats` looks through them), and so does what
/// would take more memory than its inputs. Returns the number of ops replaced.
int64_t foldConstantGenerics(func::FuncOp func);

/// Erases the ops in the body of `func` that nothing needs.
void eraseDeadOps(func::FuncOp func);

} // namespace mlir::gpfq

#endif // GPFQ_TRANSFORMS_FOLDCONSTANTS_H
