// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_COMPILER_REPORT_H
#define GPFQ_COMPILER_REPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include <string>
#include <vector>

namespace mlir::gpfq {

/// A layer in the compiled network.
struct CompiledLayer {
  std::string name;
  /// Of its weights, as they are stored.
  int64_t weightBytes = 0;
  /// Of its input and its result.
  int64_t activationBytes = 0;
  /// Products that it sums.
  int64_t multiplyAdds = 0;
  /// Whether it multiplies codes.
  bool isInteger = false;
};

/// The part of report.json that the compiler knows; docs/calibration-format.md describes the file.
struct CompilationReport {
  /// SHA-256 of the source file, in hexadecimal digits.
  std::string modelSha256;
  /// Bytes of all constants: of the compiled network, and of the source in float.
  int64_t weightBytes = 0, floatWeightBytes = 0;
  /// Bytes of scratch memory of one run, and the least that any plan of it can have.
  int64_t workspaceBytes = 0, liveBytes = 0;
  double quantizeSeconds = 0, compileSeconds = 0;
  /// Convolutions and matmuls that are computed in float from float weights.
  std::vector<std::string> floatLeft;
  std::vector<CompiledLayer> compiledLayers;
};

/// SHA-256 of `bytes` in hexadecimal digits.
std::string computeSha256(StringRef bytes);

/// Bytes of the float tensor constants of `module`; equal constants count once.
int64_t countFloatConstantBytes(ModuleOp module);

/// Names of the linalg convolutions and matmuls of `module`, at level 3: those that no lowbit op
/// has taken over.
std::vector<std::string> findFloatLayers(ModuleOp module);

/// The lowbit layers of `module`, at level 4, in program order. Blocks of one layer count as one.
std::vector<CompiledLayer> describeLayers(ModuleOp module);

/// The text of report.json: the fields of the JSON objects `parts`, which the passes of the
/// quantisation have written, and "model_sha256", "compiled_layers" and "totals". Fails with a
/// diagnostic at `loc` if one of `parts` is no JSON object.
FailureOr<std::string> formatReport(const CompilationReport &report, ArrayRef<std::string> parts,
                                    Location loc);

} // namespace mlir::gpfq

#endif // GPFQ_COMPILER_REPORT_H
