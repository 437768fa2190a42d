// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TEST_UNIT_KERNELS_CASEWRITER_H
#define GPFQ_TEST_UNIT_KERNELS_CASEWRITER_H

#include "KernelCase.h"

namespace gpfq::test {

using Shape = std::vector<int64_t>;

/// `form<shape x element>`, of a tensor or memref.
std::string getType(const char *form, const Shape &shape, const std::string &element);

/// Draws the parameters and writes the function.
class CaseWriter {
public:
  CaseWriter(std::mt19937 &random, unsigned index)
      : random(random), index(index), name("case" + std::to_string(index)) {}
  KernelCase write();
  KernelCase writeRows();
  KernelCase writeProduct();
  KernelCase writeSigns();
  KernelCase writeWinograd();
  KernelCase writeOneRow();
  KernelCase writeLong();
  KernelCase writePaired();

private:
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }
  int64_t pickOf(const Shape &values) { return values[pick(0, values.size() - 1)]; }
  bool chance(int64_t percent) { return pick(1, 100) <= percent; }

  bool isLarge() const { return index % 9 == 2; }
  bool isProduct() const { return result.kind == "batch_matmul"; }
  /// Of a number for each column of a product.
  std::string getColumnsType(const std::string &element) const;

  KernelCase writeOnCodes(const char *kind, void (CaseWriter::*drawShape)());
  void drawAlphabet();
  void leaveRoom();
  void drawConv();
  void drawWinograd();
  void drawDepthwise();
  void drawMatmul();
  void drawOneRowMatmul();
  void drawLongMatmul();
  void drawFarMatmul();
  void drawProduct();
  void setSpecialFloats(CaseBuffer &buffer, int64_t depth);
  void drawWindow(int64_t kernelHeight, int64_t kernelWidth, bool isDense = false);
  void drawInput();
  void drawEpilogue();
  KernelCase finish();
  std::string getRowCodes(const std::string &input, const std::string &prefix, const Shape &shape,
                          bool isSymmetric, bool hasSums);
  std::string getColumnCodes();
  void drawSignShapes();
  std::string getSignCodes();
  std::string getSecondLayer(const std::string &inputType);
  std::string addFused(const Shape &shape, const std::string &element);
  CaseBuffer makeBuffer(const Shape &shape, const std::string &element, int64_t maxCode = 255);
  std::string getWeights(const Shape &shape);

  std::mt19937 &random;
  unsigned index;
  std::string name;
  bool isSymmetric = false;
  /// Output channels of a second layer of signs; 0 without one.
  int64_t secondOutputs = 0;
  /// Largest code of the input.
  int64_t inputMax = 255;
  /// Channels of the stored input before those that are read.
  int64_t before = 0;
  KernelCase result;
  std::string alphabet, attributes, epilogue, arguments, constants;
  /// Names and types of the fused operands.
  std::vector<std::pair<std::string, std::string>> operands;
  std::vector<int> levels;
  Shape inputShape, kernelShape, outputShape;
};

} // namespace gpfq::test

#endif // GPFQ_TEST_UNIT_KERNELS_CASEWRITER_H
