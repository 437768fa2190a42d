// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A value or the reason why there is none; the MLIR-free libraries use no exceptions.

#ifndef GPFQ_QUANTIZER_RESULT_H
#define GPFQ_QUANTIZER_RESULT_H

#include <optional>
#include <string>
#include <utility>

namespace gpfq {

template <typename T> class Result {
public:
  Result(T value) : content(std::move(value)) {}
  static Result failure(std::string message) {
    Result result;
    result.text = std::move(message);
    return result;
  }

  explicit operator bool() const { return content.has_value(); }
  T &operator*() { return *content; }
  const T &operator*() const { return *content; }
  T *operator->() { return &*content; }
  const T *operator->() const { return &*content; }
  /// What is wrong and what to do; empty on success. No trailing punctuation.
  const std::string &message() const { return text; }

private:
  Result() = default;
  std::optional<T> content;
  std::string text;
};

} // namespace gpfq

#endif // GPFQ_QUANTIZER_RESULT_H
