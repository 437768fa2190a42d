// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "CaseWriter.h"

#include <sstream>

using namespace gpfq::test;

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
  drawInput();
  drawEpilogue();
  return finish();
}

KernelCase CaseWriter::writeWinograd() {
  return writeOnCodes("conv_2d", &CaseWriter::drawWinograd);
}

KernelCase CaseWriter::writeOneRow() {
  return writeOnCodes("matmul", &CaseWriter::drawOneRowMatmul);
}

KernelCase CaseWriter::writeLong() { return writeOnCodes("matmul", &CaseWriter::drawLongMatmul); }

/// Lets the sums of codes and levels fit a byte, if some do.
void CaseWriter::leaveRoom() {
  int64_t span = std::max(levels.back(), 0) - std::min(levels.front(), 0);
  if (span >= 255)
    return;
  inputMax = chance(70) ? 255 - span : pick(1, 255 - span);
  attributes += ", input_max = " + std::to_string(inputMax) + " : i32";
}

KernelCase CaseWriter::writePaired() {
  result.name = name;
  result.floatInput = false;
  result.kind = chance(50) ? "conv_2d" : "matmul";
  drawAlphabet();
  leaveRoom();
  if (result.kind == "conv_2d")
    drawConv();
  else if (chance(20))
    drawFarMatmul();
  else
    drawMatmul();
  drawInput();
  drawEpilogue();
  return finish();
}

KernelCase CaseWriter::writeOnCodes(const char *kind, void (CaseWriter::*drawShape)()) {
  result.name = name;
  result.floatInput = false;
  result.kind = kind;
  drawAlphabet();
  (this->*drawShape)();
  drawInput();
  drawEpilogue();
  return finish();
}

/// The input may be a channel slice of a wider buffer.
void CaseWriter::drawInput() {
  Shape storedShape = inputShape;
  if (chance(15)) {
    before = pick(0, 3);
    storedShape.back() += before + pick(1, 4);
  }
  result.inputs.push_back(makeBuffer(storedShape, result.floatInput ? "f32" : "i8", inputMax));
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

KernelCase gpfq::test::makeWinogradCase(std::mt19937 &random, unsigned index) {
  return CaseWriter(random, index).writeWinograd();
}

KernelCase gpfq::test::makeOneRowCase(std::mt19937 &random, unsigned index) {
  return CaseWriter(random, index).writeOneRow();
}

KernelCase gpfq::test::makeLongCase(std::mt19937 &random, unsigned index) {
  return CaseWriter(random, index).writeLong();
}

KernelCase gpfq::test::makePairedCase(std::mt19937 &random, unsigned index) {
  return CaseWriter(random, index).writePaired();
}

KernelCase gpfq::test::makeRandomCase(std::mt19937 &random, unsigned index) {
  return CaseWriter(random, index).write();
}
