// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Classifies all images of 8x8 floats from standard input at once, on two threads with a workspace
// each.

#include "digits.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t pixels = 64, classes = 10;

/// What one thread needs beside its images.
class Classifier {
public:
  Classifier()
      : workspace(static_cast<char *>(std::aligned_alloc(
                      DIGITS_WORKSPACE_ALIGNMENT,
                      (DIGITS_WORKSPACE_BYTES + DIGITS_WORKSPACE_ALIGNMENT - 1) /
                          DIGITS_WORKSPACE_ALIGNMENT * DIGITS_WORKSPACE_ALIGNMENT)),
                  std::free) {}

  void run(const float *images, float *logits, std::size_t count) {
    const void *inputs[] = {images};
    void *outputs[] = {logits};
    if (int32_t status = digits_run(inputs, outputs, int64_t(count), workspace.get()))
      throw std::runtime_error("digits_run: status " + std::to_string(status));
  }

private:
  std::unique_ptr<char, decltype(&std::free)> workspace;
};

} // namespace

int main() {
  if (const char *problem = digits_check()) {
    std::cerr << problem << "\n";
    return 1;
  }
  std::vector<char> bytes{std::istreambuf_iterator<char>(std::cin), {}};
  std::size_t count = bytes.size() / (pixels * sizeof(float));
  const auto *images = reinterpret_cast<const float *>(bytes.data());
  std::vector<float> logits(count * classes);

  std::size_t half = count / 2;
  Classifier first, second;
  std::thread thread([&] { first.run(images, logits.data(), half); });
  second.run(images + half * pixels, logits.data() + half * classes, count - half);
  thread.join();

  for (auto row = logits.begin(); row != logits.end(); row += classes)
    std::cout << std::max_element(row, row + classes) - row << "\n";
}
