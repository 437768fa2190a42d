// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_COMPILER_OUTPUT_H
#define GPFQ_COMPILER_OUTPUT_H

#include "gpfq/Compiler/Codegen.h"
#include "mlir/IR/Location.h"
#include "mlir/Support/LLVM.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>

namespace mlir::gpfq {

/// A file that comes to be only when it is complete: bytes go to a temporary file in the same
/// folder, `keep` renames it. Without `keep` nothing remains.
class OutputFile {
public:
  /// Fails with a diagnostic at `loc` if the folder cannot be written.
  static FailureOr<OutputFile> create(StringRef path, Location loc);
  OutputFile(OutputFile &&) = default;
  ~OutputFile();

  StringRef getTemporaryPath() const { return temporary->TmpName; }
  StringRef getPath() const { return path; }

  LogicalResult write(StringRef bytes);
  LogicalResult keep();

private:
  OutputFile(std::string path, llvm::sys::fs::TempFile temporary, Location loc)
      : path(std::move(path)), temporary(std::move(temporary)), loc(loc) {}

  std::string path;
  std::optional<llvm::sys::fs::TempFile> temporary;
  Location loc;
};

/// Links the objects into a shared library at `output`, by lld within this process.
LogicalResult linkSharedLibrary(ArrayRef<Object> objects, OutputFile &output, Location loc);

/// Writes a static library with the one member `memberName`.
LogicalResult writeStaticLibrary(StringRef object, StringRef memberName, OutputFile &output,
                                 Location loc);

} // namespace mlir::gpfq

#endif // GPFQ_COMPILER_OUTPUT_H
