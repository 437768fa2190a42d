// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is drawn for any case: levels, windows, shapes, operands and the epilogue.

#include "CaseWriter.h"

#include <cstring>
#include <functional>
#include <numeric>
#include <sstream>

using namespace gpfq::test;

int64_t CaseBuffer::getNumElements() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
}

std::string gpfq::test::getType(const char *form, const Shape &shape, const std::string &element) {
  std::ostringstream os;
  os << form << '<';
  for (int64_t size : shape)
    os << size << 'x';
  os << element << '>';
  return os.str();
}

CaseBuffer CaseWriter::makeBuffer(const Shape &shape, const std::string &element, int64_t maxCode) {
  CaseBuffer buffer{shape, element, {}};
  int64_t count = buffer.getNumElements();
  if (element == "i8") {
    buffer.bytes.resize(count);
    for (uint8_t &byte : buffer.bytes)
      byte = chance(20) ? maxCode : chance(10) ? 0 : pick(0, maxCode);
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

/// Strides and dilations, which are 1 if `isDense`, and padding such that the kernel fits the
/// image.
void CaseWriter::drawWindow(int64_t kernelHeight, int64_t kernelWidth, bool isDense) {
  Shape kernel = {kernelHeight, kernelWidth}, stride, dilation, padding, output;
  for (int64_t d = 0; d < 2; ++d) {
    int64_t size = inputShape[1 + d];
    stride.push_back(isDense || chance(60) ? 1 : pick(2, 3));
    dilation.push_back(isDense || chance(80) ? 1 : 2);
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
     << ">, padding = array<i64: " << list(padding) << ">, padding_value = "
     << (result.floatInput ? 0 : pick(0, result.quantizesSigns ? 2 : inputMax)) << " : i32";
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
    channels = pickOf({32, 32, 3});
    kernelShape = {pick(30, 50), pickOf({1, 1, 2, 3}), pick(1, 3), channels};
    inputShape = {1, pick(36, 44), pick(44, 52), channels};
  }
  drawWindow(kernelShape[1], kernelShape[2]);
  outputShape[3] = kernelShape[0];
  attributes += ", groups = " + std::to_string(groups) + " : i64";
}

/// Tiles that are whole and not, at every edge; few and many, of one vector of channels and more.
void CaseWriter::drawWinograd() {
  int64_t channels = pickOf({16, 32, 48, 64, 80, 112});
  kernelShape = {pickOf({1, 7, 8, 9, 16, 17, 32, 40, 65}), 3, 3, channels};
  inputShape = {chance(80) ? 1 : 2, pick(1, 14), pick(1, 18), channels};
  drawWindow(3, 3, /*isDense=*/true);
  outputShape[3] = kernelShape[0];
}

void CaseWriter::drawDepthwise() {
  int64_t channels = pickOf({1, 3, 4, 7, 8, 9, 16, 20, 24, 35, 70, 80, 128, 144, 150});
  kernelShape = {pick(1, 5), pick(1, 5), channels};
  if (chance(10))
    kernelShape = {9, 8, channels};
  inputShape = {chance(80) ? 1 : 2, pick(1, 9), chance(50) ? pick(1, 12) : pick(8, 24), channels};
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

/// Whole steps and vectors of any encoding, and parts of them.
void CaseWriter::drawOneRowMatmul() {
  int64_t columns = pick(1, 140), depth = chance(50) ? 32 * pick(1, 8) : pick(1, 300);
  kernelShape = {columns, depth};
  inputShape = {1, depth};
  outputShape = {1, columns};
}

/// Panels that are too large for a buffer on the stack, as bytes or as words.
void CaseWriter::drawLongMatmul() {
  int64_t rows = pick(24, 60), columns = pick(9, 70), depth = pick(900, 1600);
  kernelShape = {columns, depth};
  inputShape = {rows, depth};
  outputShape = {rows, columns};
}

/// Panels that are too large for the stack.
void CaseWriter::drawFarMatmul() {
  drawLongMatmul();
  kernelShape = {pick(17, 70), pick(2600, 3000)};
  inputShape.back() = kernelShape.back();
  outputShape.back() = kernelShape.front();
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

/// Adds a fused operand, an argument of the function or half of the time, but for codes, a
/// constant, and its block argument; returns the argument's name.
std::string CaseWriter::addFused(const Shape &shape, const std::string &element) {
  std::string number = std::to_string(operands.size()), type = getType("tensor", shape, element);
  arguments += ", %a" + number + ": " + element;
  CaseBuffer buffer = makeBuffer(shape, element);
  if (element != "i8" && chance(50)) {
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
    // A bias that kernels can start from, if the shift leaves levels small enough.
    if (chance(30)) {
      os << "%places = arith.constant " << pick(1, 5) << " : i32\n"
         << "%shifted = arith.shli %acc, %places : i32\n";
      value = "%shifted";
    }
    if (chance(60)) {
      os << "%biased = arith.addi " << value << ", " << addFused(channels, "i32") << " : i32\n";
      value = "%biased";
    }
    os << "%f = arith.sitofp " << value << " : i32 to f32\n";
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
