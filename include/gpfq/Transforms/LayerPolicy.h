// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TRANSFORMS_LAYERPOLICY_H
#define GPFQ_TRANSFORMS_LAYERPOLICY_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include <optional>
#include <string>
#include <vector>

namespace mlir::gpfq {

/// An alphabet as options name it: what lowbit::parseAlphabet takes, or hard_threshold:K:R for {0}
/// and +-(R + i), 0 <= i <= K, in units of their distance. R is rounded to a fraction that has
/// integer levels; a remark says so.
FailureOr<lowbit::AlphabetAttr> parseLayerAlphabet(MLIRContext *context, StringRef text,
                                                   function_ref<InFlightDiagnostic()> emitError);

/// What one layer is to become.
struct LayerSetting {
  lowbit::AlphabetAttr alphabet;
  lowbit::Granularity granularity = lowbit::Granularity::Channel;
  /// Input channels of a block, for Granularity::Block.
  int64_t blockSize = 32;
  bool skip = false;
};

/// Settings for named layers, in the order in which they apply.
class LayerPolicy {
public:
  /// Reads the JSON file of `gpfq-annotate-layers{policy=}`. Unknown keys, wrong types and bad
  /// values are errors that name the file and the entry.
  static FailureOr<LayerPolicy> load(MLIRContext *context, StringRef path,
                                     function_ref<InFlightDiagnostic()> emitError);

  /// Adds an entry that keeps layers whose whole name matches `pattern` in float.
  LogicalResult addSkip(StringRef pattern, function_ref<InFlightDiagnostic()> emitError);

  /// Applies all entries that match `name` to `setting`.
  void apply(StringRef name, LayerSetting &setting);

  /// An error if some entry has matched no layer so far.
  LogicalResult verifyAllMatched(function_ref<InFlightDiagnostic()> emitError) const;

private:
  struct Entry {
    std::string pattern;
    std::optional<lowbit::AlphabetAttr> alphabet;
    std::optional<lowbit::Granularity> granularity;
    std::optional<int64_t> blockSize;
    std::optional<bool> skip;
    bool matched = false;
  };
  std::string path;
  std::vector<Entry> entries;
};

} // namespace mlir::gpfq

#endif // GPFQ_TRANSFORMS_LAYERPOLICY_H
