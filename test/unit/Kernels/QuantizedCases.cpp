// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Cases whose input is f32 and quantised before the op: rows, products of two activations, signs.

#include "CaseWriter.h"

#include <cmath>
#include <cstring>
#include <sstream>
#include <tuple>

using namespace gpfq::test;

std::string CaseWriter::getColumnsType(const std::string &element) const {
  Shape shape = {outputShape.back()};
  if (outputShape.size() == 3)
    shape = {outputShape[0], 1, outputShape[2]};
  return getType("tensor", shape, element);
}

/// The ops that quantise the rows of `input`: `%<prefix>codes`, `%<prefix>scale`, `%<prefix>zero`
/// and perhaps `%<prefix>sums`.
std::string CaseWriter::getRowCodes(const std::string &input, const std::string &prefix,
                                    const Shape &shape, bool isSymmetric, bool hasSums) {
  Shape rows = shape;
  rows.back() = 1;
  std::string inputType = getType("tensor", shape, "f32"), p = "%" + prefix, inits, results, types;
  std::ostringstream os;
  auto addResult = [&](const std::string &name, const std::string &type) {
    os << "  " << p << name << "_init = tensor.empty() : " << type << "\n";
    for (auto [list, text] : {std::pair(&inits, p + name + "_init"), std::pair(&results, p + name),
                              std::pair(&types, type)})
      *list += (list->empty() ? "" : ", ") + text;
  };
  addResult("codes", getType("tensor", shape, "i8"));
  addResult("scale", getType("tensor", rows, "f32"));
  addResult("zero", getType("tensor", rows, "i32"));
  if (hasSums)
    addResult("sums", getType("tensor", rows, "i32"));
  os << "  " << results << " = lowbit.quantize_rows" << (isSymmetric ? " symmetric" : "");
  if (!isSymmetric && inputMax < 255)
    os << " max " << inputMax;
  os << " ins(" << input << " : " << inputType << ") outs(" << inits << " : " << types << ") -> "
     << types << "\n";
  return os.str();
}

/// The ops that quantise the columns of a product, the rows of `%f1`.
std::string CaseWriter::getColumnCodes() {
  std::ostringstream os;
  os << getRowCodes("%f1", "column_", kernelShape, /*isSymmetric=*/true, /*hasSums=*/true);
  Shape rows = kernelShape;
  rows.back() = 1;
  bool isBatched = rows.size() == 3;
  Shape flat(rows.begin(), rows.end() - 1);
  for (auto [result, name, element] :
       {std::tuple("scale", "scales", "f32"), std::tuple("sums", "sums", "i32")}) {
    std::string last = isBatched ? "_flat" : "", flatType = getType("tensor", flat, element);
    os << "  %" << name << "_of_columns" << last << " = tensor.collapse_shape %column_" << result
       << (isBatched ? " [[0], [1, 2]] : " : " [[0, 1]] : ") << getType("tensor", rows, element)
       << " into " << flatType << "\n";
    if (isBatched)
      os << "  %" << name << "_of_columns = tensor.expand_shape %" << name
         << "_of_columns_flat [[0], [1, 2]] output_shape [" << rows[0] << ", 1, " << rows[1]
         << "] : " << flatType << " into " << getColumnsType(element) << "\n";
  }
  return os.str();
}

/// Rows of zeros and of one sign, and single elements that are not finite or very large.
void CaseWriter::setSpecialFloats(CaseBuffer &buffer, int64_t depth) {
  auto setElement = [&](int64_t i, float value) { std::memcpy(&buffer.bytes[4 * i], &value, 4); };
  int64_t count = buffer.getNumElements();
  if (chance(30))
    for (int64_t i = 0; i < std::min(count, 2 * depth); ++i)
      setElement(i, i < depth ? 0.0f : float(i));
  for (float value : {NAN, INFINITY, -INFINITY, 3e38f})
    if (chance(20))
      setElement(pick(0, count - 1), value);
}

/// Channels about those of whole words, and images smaller than the padding of their windows.
void CaseWriter::drawSignShapes() {
  int64_t channels = pickOf({3, 16, 20, 31, 32, 33, 48, 64, 100, 128, 130}),
          outputs = pickOf({1, 7, 16, 17, 32, 33, 40, 64, 96});
  if (result.kind == "matmul") {
    kernelShape = {outputs, chance(30) ? pick(200, 2500) : channels};
    inputShape = {pickOf({1, 2, 3, 5, 7, 13, 20}), kernelShape[1]};
    outputShape = {inputShape[0], outputs};
    return;
  }
  bool pointwise = chance(25);
  kernelShape = {outputs, pointwise ? 1 : pick(1, 4), pointwise ? 1 : pick(1, 5), channels};
  inputShape = {chance(80) ? 1 : 2, pick(1, 9), pick(1, 14), channels};
  drawWindow(kernelShape[1], kernelShape[2]);
  outputShape[3] = outputs;
}

/// The op that quantises `%x` to signs.
std::string CaseWriter::getSignCodes() {
  std::ostringstream os;
  os << "  %sign_scale = arith.constant dense<0.5> : tensor<1xf32>\n"
     << "  %codes = lowbit.quantize %x, %sign_scale sign zero_point 1 : "
     << getType("tensor", inputShape, "f32") << ", tensor<1xf32> -> "
     << getType("tensor", inputShape, "i8") << "\n";
  return os.str();
}

/// `%second`, a layer of the signs `%r`; a convolution pads them with zeros.
std::string CaseWriter::getSecondLayer(const std::string &inputType) {
  Shape kernel = {secondOutputs, outputShape.back()};
  if (result.kind == "conv_2d")
    kernel.insert(kernel.begin() + 1, {3, 3});
  std::string weightsType = getType("tensor", kernel, "i8"),
              outputType = getType("tensor", result.output.shape, "i32");
  std::ostringstream os;
  os << "  %second_weights = arith.constant " << getWeights(kernel) << " : " << weightsType
     << "\n  %second = lowbit." << result.kind << " ins(%r, %second_weights : " << inputType << ", "
     << weightsType << ") outs(%init : " << outputType
     << ")\n  {alphabet = #lowbit.alphabet<mid_rise, [1]>";
  if (result.kind == "conv_2d")
    os << ", padding = array<i64: 1, 1, 1, 1>, padding_value = 1 : i32";
  os << "} epilogue {\n^bb0(%acc: i32):\n  lowbit.yield %acc : i32\n  } -> " << outputType << "\n";
  return os.str();
}

KernelCase CaseWriter::writeSigns() {
  result.name = name;
  result.kind = index % 3 == 2 ? "matmul" : "conv_2d";
  result.bits = 1;
  result.floatInput = false;
  result.quantizesSigns = true;
  alphabet = "mid_rise, [1]";
  levels = {-1, 1};
  drawSignShapes();
  result.inputs.push_back(makeBuffer(inputShape, "f32"));
  int64_t count = result.inputs[0].getNumElements();
  for (float value : {NAN, -NAN, INFINITY, -INFINITY, -0.0f, -1e-45f})
    if (chance(30))
      std::memcpy(&result.inputs[0].bytes[4 * pick(0, count - 1)], &value, 4);
  secondOutputs = chance(50) ? pick(1, 40) : 0;
  drawEpilogue();
  return finish();
}

KernelCase CaseWriter::writeRows() {
  result.name = name;
  result.kind = "matmul";
  result.floatInput = false;
  result.quantizesRows = true;
  isSymmetric = chance(30);
  drawAlphabet();
  if (!isSymmetric && chance(70))
    leaveRoom();
  drawMatmul();
  result.inputs.push_back(makeBuffer(inputShape, "f32"));
  setSpecialFloats(result.inputs[0], inputShape.back());
  drawEpilogue();
  return finish();
}

KernelCase CaseWriter::writeProduct() {
  result.name = name;
  result.kind = "batch_matmul";
  result.bits = 8;
  result.floatInput = false;
  result.quantizesRows = true;
  isSymmetric = chance(30);
  drawProduct();
  for (const Shape &shape : {inputShape, kernelShape}) {
    result.inputs.push_back(makeBuffer(shape, "f32"));
    setSpecialFloats(result.inputs.back(), shape.back());
  }
  drawEpilogue();
  return finish();
}
