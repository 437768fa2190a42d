// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "KernelCase.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <sstream>

using namespace gpfq::test;

using Shape = std::vector<int64_t>;

int64_t CaseBuffer::getNumElements() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
}

namespace {

/// Draws the parameters and writes the function.
class CaseWriter {
public:
  CaseWriter(std::mt19937 &random, unsigned index)
      : random(random), index(index), name("case" + std::to_string(index)) {}
  KernelCase write();
  KernelCase writeRows();
  KernelCase writeProduct();
  KernelCase writeSigns();

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

  void drawAlphabet();
  void drawConv();
  void drawDepthwise();
  void drawMatmul();
  void drawProduct();
  void setSpecialFloats(CaseBuffer &buffer, int64_t depth);
  void drawWindow(int64_t kernelHeight, int64_t kernelWidth);
  void drawEpilogue();
  KernelCase finish();
  std::string getRowCodes(const std::string &input, const std::string &prefix, const Shape &shape,
                          bool isSymmetric, bool hasSums);
  std::string getColumnCodes();
  void drawSignShapes();
  std::string getSignCodes();
  std::string getSecondLayer(const std::string &inputType);
  std::string addFused(const Shape &shape, const std::string &element);
  CaseBuffer makeBuffer(const Shape &shape, const std::string &element);
  std::string getWeights(const Shape &shape);

  std::mt19937 &random;
  unsigned index;
  std::string name;
  bool isSymmetric = false;
  /// Output channels of a second layer of signs; 0 without one.
  int64_t secondOutputs = 0;
  /// Channels of the stored input before those that are read.
  int64_t before = 0;
  KernelCase result;
  std::string alphabet, attributes, epilogue, arguments, constants;
  /// Names and types of the fused operands.
  std::vector<std::pair<std::string, std::string>> operands;
  std::vector<int> levels;
  Shape inputShape, kernelShape, outputShape;
};

} // namespace

static std::string getType(const char *form, const Shape &shape, const std::string &element) {
  std::ostringstream os;
  os << form << '<';
  for (int64_t size : shape)
    os << size << 'x';
  os << element << '>';
  return os.str();
}

CaseBuffer CaseWriter::makeBuffer(const Shape &shape, const std::string &element) {
  CaseBuffer buffer{shape, element, {}};
  int64_t count = buffer.getNumElements();
  if (element == "i8") {
    buffer.bytes.resize(count);
    for (uint8_t &byte : buffer.bytes)
      byte = chance(20) ? 255 : chance(10) ? 0 : pick(0, 255);
    return buffer;
  }
  buffer.bytes.resize(count * 4);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < count; ++i) {
    // Rows can overflow, and an infinity times 0 is a NaN, whose sign depends on the CPU.
    float value = chance(5) && !result.quantizesRows ? 0.0f : normal(random);
    std::memcpy(&buffer.bytes[4 * i], &value, 4);
  }
  return buffer;
}

/// Every width 1..8 in every kind of alphabet.
void CaseWriter::drawAlphabet() {
  std::ostringstream os;
  result.bits = 1 + index % 8;
  int64_t kind = pick(0, 3), half = 1 << (result.bits - 1);
  if (kind == 0) {
    int64_t k = result.bits == 1 ? 1 : pick((half + 1) / 2, half - 1);
    os << "mid_tread, [" << k << "]";
    for (int64_t level = -k; level <= k; ++level)
      levels.push_back(level);
  } else if (kind == 1) {
    int64_t k = std::min<int64_t>(half, 64);
    os << "mid_rise, [" << k << "]";
    for (int64_t level = 1 - 2 * k; level < 2 * k; level += 2)
      levels.push_back(level);
  } else if (kind == 2) {
    int64_t low = pick(-half, half - 2 < -half ? -half : half - 2),
            high = pick(low + 1, std::max(low + 1, half - 1));
    os << "range, [" << low << ", " << high << "]";
    for (int64_t level = low; level <= high; ++level)
      levels.push_back(level);
  } else {
    int64_t step = pick(1, 3);
    for (int64_t level = -half; level < half; level += pick(1, step))
      levels.push_back(level);
    if (levels.size() < 2)
      levels = {-1, 1};
    os << "levels, [";
    for (size_t i = 0; i < levels.size(); ++i)
      os << (i ? ", " : "") << levels[i];
    os << "]";
  }
  alphabet = os.str();
}

/// Strides, dilations and padding such that the kernel fits the image.
void CaseWriter::drawWindow(int64_t kernelHeight, int64_t kernelWidth) {
  Shape kernel = {kernelHeight, kernelWidth}, stride, dilation, padding, output;
  for (int64_t d = 0; d < 2; ++d) {
    int64_t size = inputShape[1 + d];
    stride.push_back(chance(60) ? 1 : pick(2, 3));
    dilation.push_back(chance(80) ? 1 : 2);
    int64_t span = (kernel[d] - 1) * dilation[d] + 1;
    int64_t before = chance(40) ? 0 : pick(0, 2), after = chance(40) ? before : pick(0, 2);
    if (size + before + after < span)
      after = span - size - before;
    padding.insert(padding.end(), {before, after});
    output.push_back((size + before + after - span) / stride[d] + 1);
  }
  std::ostringstream os;
  auto list = [](const Shape &values) {
    std::ostringstream list;
    for (size_t i = 0; i < values.size(); ++i)
      list << (i ? ", " : "") << values[i];
    return list.str();
  };
  os << ", strides = array<i64: " << list(stride) << ">, dilations = array<i64: " << list(dilation)
     << ">, padding = array<i64: " << list(padding)
     << ">, padding_value = " << (result.floatInput ? 0 : pick(0, result.quantizesSigns ? 2 : 255))
     << " : i32";
  attributes += os.str();
  outputShape = {inputShape[0], output[0], output[1], 0};
}

void CaseWriter::drawConv() {
  int64_t groups = chance(70) ? 1 : pick(2, 3);
  int64_t channels = pickOf({1, 2, 3, 4, 5, 7, 8, 12, 16, 20, 33});
  int64_t outputs = pickOf({1, 2, 3, 7, 8, 9, 10, 16, 17, 24, 31, 40});
  bool pointwise = chance(25);
  kernelShape = {outputs * groups, pointwise ? 1 : pick(1, 4), pointwise ? 1 : pick(1, 5),
                 channels};
  inputShape = {chance(80) ? 1 : 2, pick(1, 9), pick(1, 14), channels * groups};
  if (isLarge()) {
    // More than a block of the second-level cache.
    groups = 1;
    kernelShape = {pick(30, 50), pickOf({1, 1, 2, 3}), pick(1, 3), 32};
    inputShape = {1, pick(36, 44), pick(44, 52), 32};
  }
  drawWindow(kernelShape[1], kernelShape[2]);
  outputShape[3] = kernelShape[0];
  attributes += ", groups = " + std::to_string(groups) + " : i64";
}

void CaseWriter::drawDepthwise() {
  int64_t channels = pickOf({1, 3, 4, 7, 8, 9, 16, 20, 24, 35});
  kernelShape = {pick(1, 5), pick(1, 5), channels};
  if (chance(10))
    kernelShape = {9, 8, channels};
  inputShape = {chance(80) ? 1 : 2, pick(1, 9), pick(1, 12), channels};
  drawWindow(kernelShape[0], kernelShape[1]);
  outputShape[3] = channels;
}

void CaseWriter::drawMatmul() {
  int64_t rows = pickOf({1, 1, 2, 3, 5, 6, 7, 12, 13, 20, 49}), columns = pick(1, 70);
  int64_t depth = pickOf({1, 2, 3, 4, 5, 8, 15, 16, 31, 32, 33, 64, 70, 128, 200});
  if (isLarge()) {
    rows = pick(900, 1100);
    columns = pick(30, 70);
    depth = pick(100, 128);
  }
  kernelShape = {columns, depth};
  inputShape = {rows, depth};
  outputShape = {rows, columns};
  if (chance(30)) {
    int64_t batch = pick(1, 3);
    inputShape.insert(inputShape.begin(), batch);
    outputShape.insert(outputShape.begin(), batch);
  }
}

/// Few and many rows, columns and elements, multiples of tiles and not.
void CaseWriter::drawProduct() {
  int64_t rows = pickOf({1, 2, 3, 5, 7, 12, 13, 48, 50}), columns = pick(1, 70);
  int64_t depth = pickOf({1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 33, 48, 64, 65, 66, 130, 200});
  inputShape = {rows, depth};
  kernelShape = {columns, depth};
  outputShape = {rows, columns};
  if (chance(80)) {
    int64_t batch = pick(1, 4);
    for (Shape *shape : {&inputShape, &kernelShape, &outputShape})
      shape->insert(shape->begin(), batch);
  }
}

/// Adds a fused operand, an argument of the function or half of the time of those of f32 a
/// constant, and its block argument; returns the argument's name.
std::string CaseWriter::addFused(const Shape &shape, const std::string &element) {
  std::string number = std::to_string(operands.size()), type = getType("tensor", shape, element);
  arguments += ", %a" + number + ": " + element;
  CaseBuffer buffer = makeBuffer(shape, element);
  if (element == "f32" && chance(50)) {
    std::ostringstream os;
    os << "  %constant" << number << " = arith.constant dense<\"0x" << std::hex << std::uppercase;
    for (uint8_t byte : buffer.bytes)
      os << "0123456789ABCDEF"[byte >> 4] << "0123456789ABCDEF"[byte & 15];
    os << "\"> : " << type << "\n";
    constants += os.str();
    operands.push_back({"%constant" + number, type});
  } else {
    operands.push_back({"%f" + std::to_string(result.inputs.size()), type});
    result.inputs.push_back(std::move(buffer));
  }
  return "%a" + number;
}

void CaseWriter::drawEpilogue() {
  std::ostringstream os;
  std::string accumulator = result.floatInput ? "f32" : "i32";
  int64_t kind = secondOutputs ? 4 : pick(result.quantizesRows ? 1 : 0, 3);
  Shape channels = {outputShape.back()}, ones(outputShape.size(), 1);
  if (kind == 0) {
    os << "lowbit.yield %acc : " << accumulator << "\n";
    epilogue = os.str();
    result.output.element = accumulator;
    return;
  }
  std::string value = "%acc";
  if (result.quantizesRows) {
    std::string sum;
    if (isProduct()) {
      operands.push_back({"%sums_of_columns", getColumnsType("i32")});
      arguments += ", %sum: i32";
      sum = "%sum";
    } else {
      sum = addFused(channels, "i32");
    }
    Shape rows = outputShape;
    rows.back() = 1;
    for (auto [argument, element] : {std::pair("scale", "f32"), std::pair("zero", "i32")}) {
      operands.push_back({std::string("%row_") + argument, getType("tensor", rows, element)});
      arguments += std::string(", %my_") + argument + ": " + element;
    }
    os << "%correction = arith.muli %my_zero, " << sum << " : i32\n"
       << "%difference = arith.subi %acc, %correction : i32\n"
       << "%integer = arith.sitofp %difference : i32 to f32\n"
       << "%f = arith.mulf %integer, %my_scale : f32\n";
    value = "%f";
    if (isProduct()) {
      operands.push_back({"%scales_of_columns", getColumnsType("f32")});
      arguments += ", %column: f32";
      os << "%p = arith.mulf %f, %column : f32\n";
      value = "%p";
    }
  } else if (!result.floatInput) {
    os << "%f = arith.sitofp %acc : i32 to f32\n";
    value = "%f";
  }
  Shape scaleShape = chance(20) ? Shape{1} : channels;
  if (chance(20)) {
    scaleShape = ones;
    scaleShape.back() = outputShape.back();
  }
  std::string scale = addFused(scaleShape, "f32"), bias = addFused(channels, "f32");
  os << "%m = arith.mulf " << value << ", " << scale << " : f32\n"
     << "%y = arith.addf %m, " << bias << " : f32\n";
  value = "%y";
  if (kind == 4) {
    os << "%zero = arith.constant 0.0 : f32\n%negative = arith.constant 0 : i8\n"
       << "%positive = arith.constant 2 : i8\n%bit = arith.cmpf uge, %y, %zero : f32\n"
       << "%code = arith.select %bit, %positive, %negative : i8\nlowbit.yield %code : i8\n";
    epilogue = os.str();
    result.output.element = "i8";
    return;
  }
  if (kind == 1) {
    os << "lowbit.yield %y : f32\n";
    epilogue = os.str();
    result.output.element = "f32";
    return;
  }
  // A residual in codes, broadcast over some of its dimensions.
  Shape residualShape = outputShape;
  for (int64_t &size : residualShape)
    if (chance(15))
      size = 1;
  std::string residual = addFused(residualShape, "i8");
  os << "%ri = arith.uitofp " << residual << " : i8 to f32\n"
     << "%rc = arith.constant 0.37 : f32\n"
     << "%rm = arith.mulf %ri, %rc : f32\n"
     << "%s = arith.addf " << value << ", %rm : f32\n";
  if (kind == 2) {
    os << "%zero = arith.constant 0.0 : f32\n"
       << "%c = arith.cmpf ugt, %s, %zero : f32\n"
       << "%o = arith.select %c, %s, %zero : f32\n"
       << "lowbit.yield %o : f32\n";
    result.output.element = "f32";
  } else {
    os << "%k = arith.constant 0.021 : f32\n%z = arith.constant 3.0 : f32\n"
       << "%low = arith.constant 0.0 : f32\n%high = arith.constant 255.0 : f32\n"
       << "%q0 = arith.mulf %s, %k : f32\n%q1 = math.roundeven %q0 : f32\n%q2 = arith.addf %q1, %z "
          ": f32\n"
       << "%c0 = arith.cmpf ogt, %q2, %low : f32\n%q3 = arith.select %c0, %q2, %low : f32\n"
       << "%c1 = arith.cmpf olt, %q3, %high : f32\n%q4 = arith.select %c1, %q3, %high : f32\n"
       << "%q5 = arith.fptoui %q4 : f32 to i8\nlowbit.yield %q5 : i8\n";
    result.output.element = "i8";
  }
  epilogue = os.str();
}

std::string CaseWriter::getWeights(const Shape &shape) {
  int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
  std::ostringstream os;
  os << "dense<\"0x" << std::hex << std::uppercase;
  bool extremes = chance(20);
  for (int64_t i = 0; i < count; ++i) {
    int level = extremes && chance(80) ? (chance(50) ? levels.front() : levels.back())
                                       : levels[pick(0, levels.size() - 1)];
    os << "0123456789ABCDEF"[(level >> 4) & 15] << "0123456789ABCDEF"[level & 15];
  }
  os << "\">";
  return os.str();
}

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
  os << "  " << results << " = lowbit.quantize_rows" << (isSymmetric ? " symmetric" : "") << " ins("
     << input << " : " << inputType << ") outs(" << inits << " : " << types << ") -> " << types
     << "\n";
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

KernelCase CaseWriter::write() {
  // By index, so that every 80 cases have every kind and, with each accumulator, every width.
  result.name = name;
  result.floatInput = index / 8 % 4 == 3;
  drawAlphabet();
  int64_t kind = index % 10;
  result.kind = kind < 5 ? "conv_2d" : kind < 7 ? "depthwise_conv_2d" : "matmul";
  if (kind < 5)
    drawConv();
  else if (kind < 7)
    drawDepthwise();
  else
    drawMatmul();
  // The input may be a channel slice of a wider buffer.
  Shape storedShape = inputShape;
  if (chance(15)) {
    before = pick(0, 3);
    storedShape.back() += before + pick(1, 4);
  }
  result.inputs.push_back(makeBuffer(storedShape, result.floatInput ? "f32" : "i8"));
  drawEpilogue();
  return finish();
}

KernelCase CaseWriter::finish() {
  std::string firstType = getType("tensor", outputShape, result.output.element);
  result.output.shape = outputShape;
  if (secondOutputs) {
    result.output.shape.back() = secondOutputs;
    result.output.element = "i32";
  }
  result.output.bytes.assign(
      result.output.getNumElements() * (result.output.element == "i8" ? 1 : 4), 0xa5);

  const Shape &storedShape = result.inputs[0].shape;
  std::string storedType = getType("tensor", storedShape, result.inputs[0].element);
  std::string inputType =
      getType("tensor", inputShape,
              result.quantizesRows || result.quantizesSigns ? "i8" : result.inputs[0].element);
  std::string weightsType = getType("tensor", kernelShape, "i8");
  std::string outputType = getType("tensor", result.output.shape, result.output.element);
  std::string outputBuffer = getType("memref", result.output.shape, result.output.element);
  std::ostringstream os;
  os << "func.func @" << name << "(%x: " << storedType;
  for (size_t i = 1; i < result.inputs.size(); ++i)
    os << ", %f" << i << ": "
       << getType("tensor", result.inputs[i].shape, result.inputs[i].element);
  os << ", %out: " << outputBuffer << ") attributes {llvm.emit_c_interface} {\n" << constants;
  if (!isProduct())
    os << "  %w = arith.constant " << getWeights(kernelShape) << " : " << weightsType << "\n";
  os << "  %init = bufferization.to_tensor %out restrict writable : " << outputBuffer << " to "
     << outputType << "\n";
  std::string input = result.quantizesRows ? "%row_codes" : result.quantizesSigns ? "%codes" : "%x";
  if (result.quantizesRows)
    os << getRowCodes("%x", "row_", inputShape, isSymmetric, /*hasSums=*/false);
  if (isProduct())
    os << getColumnCodes();
  if (result.quantizesSigns)
    os << getSignCodes();
  if (secondOutputs)
    os << "  %first_init = tensor.empty() : " << firstType << "\n";
  if (storedShape != inputShape) {
    input = "%slice";
    os << "  %slice = tensor.extract_slice %x[";
    for (size_t i = 0; i + 1 < inputShape.size(); ++i)
      os << "0, ";
    os << before << "] [";
    for (size_t i = 0; i < inputShape.size(); ++i)
      os << (i ? ", " : "") << inputShape[i];
    os << "] [";
    for (size_t i = 0; i < inputShape.size(); ++i)
      os << (i ? ", 1" : "1");
    os << "] : " << storedType << " to " << inputType << "\n";
  }
  os << "  %r = lowbit." << result.kind << " ins(" << input
     << (isProduct() ? ", %column_codes : " : ", %w : ") << inputType << ", " << weightsType << ")";
  if (!operands.empty()) {
    os << " fused(";
    for (size_t i = 0; i < operands.size(); ++i)
      os << (i ? ", " : "") << operands[i].first;
    os << " : ";
    for (size_t i = 0; i < operands.size(); ++i)
      os << (i ? ", " : "") << operands[i].second;
    os << ")";
  }
  os << " outs(" << (secondOutputs ? "%first_init" : "%init") << " : " << firstType << ")\n";
  if (!isProduct())
    os << "  {alphabet = #lowbit.alphabet<" << alphabet << ">" << attributes << "}";
  os << " epilogue {\n^bb0(%acc: " << (result.floatInput ? "f32" : "i32") << arguments << "):\n"
     << epilogue << "  } -> " << firstType << "\n";
  if (secondOutputs)
    os << getSecondLayer(firstType);
  os << "  bufferization.materialize_in_destination " << (secondOutputs ? "%second" : "%r")
     << " in restrict writable %out : (" << outputType << ", " << outputBuffer
     << ") -> ()\n  return\n}\n";
  result.function = os.str();
  result.description = result.kind + " input " + storedType + " kernel " + weightsType +
                       " output " + outputType + " alphabet " + alphabet + attributes;
  return std::move(result);
}

KernelCase gpfq::test::makeRowsCase(std::mt19937 &random, unsigned index) {
  return CaseWriter(random, index).writeRows();
}

KernelCase gpfq::test::makeProductCase(std::mt19937 &random, unsigned index) {
  return CaseWriter(random, index).writeProduct();
}

KernelCase gpfq::test::makeSignsCase(std::mt19937 &random, unsigned index) {
  return CaseWriter(random, index).writeSigns();
}

KernelCase gpfq::test::makeRandomCase(std::mt19937 &random, unsigned index) {
  return CaseWriter(random, index).write();
}
