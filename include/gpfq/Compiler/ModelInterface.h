// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_COMPILER_MODELINTERFACE_H
#define GPFQ_COMPILER_MODELINTERFACE_H

#include "mlir/IR/BuiltinOps.h"
#include <optional>
#include <string>
#include <vector>

namespace mlir::gpfq {

/// Element types of the C ABI; the numbers are part of it.
enum class ElementKind : int32_t { F32 = 0, U8 = 1, I8 = 2, I32 = 3, I64 = 4 };

/// An input or output of a model as a caller sees it: dense, row-major.
struct TensorInfo {
  std::string name;
  ElementKind kind;
  /// The first dimension is ShapedType::kDynamic when the batch is dynamic.
  SmallVector<int64_t> shape;

  /// Bytes of one sample of a dynamic batch, of the whole tensor otherwise.
  int64_t getSampleBytes() const;
};

/// How a library spreads the work of one run over threads.
enum class Parallelism {
  /// Not at all.
  None,
  /// By the `gpfq_parallel` of the host.
  Host,
  /// By that, or by a pool of threads that is in the library and needs the C library.
  Pool
};

/// What a compiled library promises; the content of its C header.
struct ModelInterface {
  /// Prefix of all symbols: a C identifier.
  std::string symbol;
  /// Names of the kernel targets, the first choice first, with ", " between them.
  std::string target;
  SmallVector<TensorInfo> inputs, outputs;
  bool dynamicBatch = false;
  Parallelism parallelism = Parallelism::None;
  int64_t workspaceBytes = 0;
  /// Bytes of buffers that are live together, the least that a workspace can have.
  int64_t liveBytes = 0;
  int64_t workspaceAlignment = 64;
  int64_t weightBytes = 0;
  /// Names of the counters of a library that counts ticks; nothing in one that does not.
  std::optional<std::vector<std::string>> profiledLayers;
};

/// Reads inputs and outputs from the only public function of `module`, which is on tensors and may
/// have a dynamic first dimension in all arguments and results. Located diagnostics otherwise.
FailureOr<ModelInterface> readModelInterface(ModuleOp module);

/// The default prefix of symbols: the name of the file without "lib" and extension, made a C
/// identifier; "out/libnet.so" gives "net".
std::string makeSymbolPrefix(StringRef outputFile);

/// True if `text` is a C identifier of ASCII letters, digits and underscores.
bool isSymbolPrefix(StringRef text);

} // namespace mlir::gpfq

#endif // GPFQ_COMPILER_MODELINTERFACE_H
