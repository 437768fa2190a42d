// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What long runs say about themselves on stderr, to people or to programs.

#ifndef GPFQ_SUPPORT_PROGRESS_H
#define GPFQ_SUPPORT_PROGRESS_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <string>

namespace mlir::gpfq {

enum class ProgressFormat {
  /// For people, when stderr is a terminal; else nothing.
  Auto,
  /// A JSON object on a line of its own for each step:
  /// {"progress": task, "done": n, "total": n, "unit": "layers"}. A task without steps has neither
  /// of the last three.
  Json,
  None
};

/// Of the whole process; set before the first Progress.
void setProgressFormat(ProgressFormat format);

/// Says that a task without countable steps begins, `seconds` after the start of the process's
/// work.
void announceTask(StringRef task, double seconds);

/// The steps of one task. For people it is a line that is rewritten: "task: unit k of n, elapsed,
/// estimated left".
class Progress {
public:
  /// `unit` is a singular: "layer", "sample".
  Progress(StringRef task, int64_t total, StringRef unit = "layer");
  ~Progress();
  /// `done` of the `total` steps are finished.
  void update(int64_t done);

private:
  void printLine(int64_t done);

  std::string task, unit;
  int64_t total;
  bool isLineShown;
  std::chrono::steady_clock::time_point start;
};

} // namespace mlir::gpfq

#endif // GPFQ_SUPPORT_PROGRESS_H
