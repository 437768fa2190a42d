// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TEST_UNIT_KERNELS_KERNELCASE_H
#define GPFQ_TEST_UNIT_KERNELS_KERNELCASE_H

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace gpfq::test {

/// A buffer that a case reads or writes: an argument `memref<shape x element>`.
struct CaseBuffer {
  std::vector<int64_t> shape;
  /// "i8", "i32" or "f32".
  std::string element;
  /// Row-major contents.
  std::vector<uint8_t> bytes;

  int64_t getNumElements() const;
};

/// A compute op with random parameters as a function `@name(%x, %fused..., %out)` on memrefs.
struct KernelCase {
  std::string name;
  /// What the random parameters were, for messages.
  std::string description;
  /// "conv_2d", "depthwise_conv_2d", "matmul" or "batch_matmul".
  std::string kind;
  unsigned bits;
  bool floatInput;
  /// The input is f32, and `lowbit.quantize_rows` makes its codes.
  bool quantizesRows = false;
  /// The input is f32, and `lowbit.quantize` with `sign` makes its codes.
  bool quantizesSigns = false;
  std::string function;
  /// The input and the fused operands.
  std::vector<CaseBuffer> inputs;
  CaseBuffer output;
};

/// Kind, width and accumulator follow from `index`, all else is random.
KernelCase makeRandomCase(std::mt19937 &random, unsigned index);
/// A matmul of rows that `lowbit.quantize_rows` quantises; the width follows from `index`.
KernelCase makeRowsCase(std::mt19937 &random, unsigned index);
/// A batch_matmul of rows and columns that `lowbit.quantize_rows` quantises.
KernelCase makeProductCase(std::mt19937 &random, unsigned index);
/// A convolution or a matmul of signs, or one whose signs another one reads.
KernelCase makeSignsCase(std::mt19937 &random, unsigned index);
/// A 3x3 convolution of stride 1 that has a kernel by Winograd's algorithm; the width follows from
/// `index`.
KernelCase makeWinogradCase(std::mt19937 &random, unsigned index);
/// A matmul of one row; the width follows from `index`.
KernelCase makeOneRowCase(std::mt19937 &random, unsigned index);
/// A matmul of long sums and enough rows to unpack its weights once; the width follows from
/// `index`.
KernelCase makeLongCase(std::mt19937 &random, unsigned index);
/// A convolution or a matmul whose codes leave room for the sums of codes and levels; the width
/// follows from `index`.
KernelCase makePairedCase(std::mt19937 &random, unsigned index);

} // namespace gpfq::test

#endif // GPFQ_TEST_UNIT_KERNELS_KERNELCASE_H
