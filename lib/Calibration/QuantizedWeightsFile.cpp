// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/QuantizedWeightsFile.h"

#include "gpfq/Calibration/Checkpoint.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::gpfq;

namespace {
/// A safetensors file: the length of the header (u64), the header (JSON), the data; all
/// little-endian.
class SafetensorsWriter {
public:
  template <typename T>
  void add(const std::string &name, StringRef dtype, ArrayRef<int64_t> shape, ArrayRef<T> values) {
    static_assert(llvm::endianness::native == llvm::endianness::little);
    size_t begin = data.size();
    data.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
    header[name] = llvm::json::Object{{"dtype", dtype},
                                      {"shape", llvm::json::Array(shape)},
                                      {"data_offsets", llvm::json::Array{begin, data.size()}}};
  }

  std::string finish(llvm::json::Object metadata) {
    header["__metadata__"] = std::move(metadata);
    std::string text = llvm::formatv("{0}", llvm::json::Value(std::move(header)));
    text.resize(llvm::alignTo(text.size(), 8), ' ');
    std::string file;
    llvm::raw_string_ostream stream(file);
    llvm::support::endian::write<uint64_t>(stream, text.size(), llvm::endianness::little);
    stream << text << data;
    return file;
  }

private:
  llvm::json::Object header;
  std::string data;
};
} // namespace

/// From O x H x W x I to O x I x H x W.
static std::vector<int8_t> toChannelsFirst(ArrayRef<int8_t> levels, ArrayRef<int64_t> shape) {
  int64_t taps = shape[1] * shape[2], channels = shape[3];
  std::vector<int8_t> result(levels.size());
  for (int64_t o = 0; o < shape[0]; ++o)
    for (int64_t t = 0; t < taps; ++t)
      for (int64_t c = 0; c < channels; ++c)
        result[(o * channels + c) * taps + t] = levels[(o * taps + t) * channels + c];
  return result;
}

static llvm::json::Object describe(const QuantizedWeights &layer) {
  llvm::json::Value input = nullptr;
  if (layer.input)
    input = llvm::json::Object{{"scale", layer.input->scale},
                               {"zero_point", layer.input->zeroPoint},
                               {"max", layer.input->max},
                               {"sign", layer.input->isSign}};
  return llvm::json::Object{{"name", layer.name},
                            {"alphabet", layer.alphabet},
                            {"bits", layer.bits},
                            {"method", layer.result.report.method},
                            {"input", std::move(input)}};
}

::gpfq::Failure mlir::gpfq::writeQuantizedWeights(const std::string &path,
                                                  ArrayRef<QuantizedWeights> layers) {
  SafetensorsWriter writer;
  llvm::json::Array descriptions;
  for (const QuantizedWeights &layer : layers) {
    ArrayRef<int64_t> shape = layer.shape;
    int64_t outputs = shape[0], scales = int64_t(layer.result.scales.size());
    std::vector<int8_t> levels = layer.result.levels;
    if (layer.flattenedImage) {
      auto [rows, columns, channels] = *layer.flattenedImage;
      levels = toChannelsFirst(levels, {outputs, rows, columns, channels});
    } else if (!layer.isMatrix) {
      levels = toChannelsFirst(levels, shape);
    }
    SmallVector<int64_t> fileShape{outputs, shape[3]};
    if (!layer.isMatrix)
      fileShape.append({shape[1], shape[2]});
    writer.add(layer.name + ".levels", "I8", fileShape, ArrayRef(levels));
    SmallVector<int64_t> scaleShape{scales};
    if (scales > outputs)
      scaleShape = {outputs, scales / outputs};
    writer.add(layer.name + ".scales", "F32", scaleShape, ArrayRef(layer.result.scales));
    if (!layer.result.biasDelta.empty())
      writer.add(layer.name + ".bias_delta", "F32", {outputs}, ArrayRef(layer.result.biasDelta));
    descriptions.push_back(describe(layer));
  }
  std::string list = llvm::formatv("{0}", llvm::json::Value(std::move(descriptions)));
  return ::gpfq::writeFileAtomically(
      path, writer.finish(llvm::json::Object{
                {"format", "gpfq"}, {"version", "1"}, {"layers", std::move(list)}}));
}
