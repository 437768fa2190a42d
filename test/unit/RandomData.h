// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Seeded data for property tests.

#ifndef GPFQ_TEST_UNIT_RANDOMDATA_H
#define GPFQ_TEST_UNIT_RANDOMDATA_H

#include <cstdint>
#include <random>
#include <vector>

namespace gpfq::test {

class RandomData {
public:
  explicit RandomData(unsigned seed) : engine(seed) {}

  int64_t integer(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine);
  }
  float normal() { return std::normal_distribution<float>()(engine); }
  std::vector<float> normals(int64_t count) {
    std::vector<float> values(count);
    for (float &value : values)
      value = normal();
    return values;
  }
  /// rows x columns of non-negative, correlated values, as after a ReLU.
  std::vector<float> activations(int64_t rows, int64_t columns) {
    std::vector<float> values(rows * columns);
    for (int64_t r = 0; r < rows; ++r) {
      float common = normal();
      for (int64_t c = 0; c < columns; ++c) {
        float value = 0.7f * common + normal();
        values[r * columns + c] = value > 0.0f ? value : 0.0f;
      }
    }
    return values;
  }
  /// `values` with noise, as in the quantised network.
  std::vector<float> perturbed(std::vector<float> values, float noise) {
    for (float &value : values)
      value += noise * normal();
    return values;
  }

private:
  std::mt19937 engine;
};

} // namespace gpfq::test

#endif // GPFQ_TEST_UNIT_RANDOMDATA_H
