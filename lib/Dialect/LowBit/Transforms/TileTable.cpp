// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/Transforms/TileTable.h"

#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::lowbit;
namespace json = llvm::json;

static constexpr int64_t version = 1;
/// The most pixels and vectors that a tile may have; more only spill.
static constexpr int64_t maxTileSize = 64, maxTileVectors = 16;

std::string lowbit::describeKernel(LowBitComputeOpInterface op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto result = cast<ShapedType>(op.getInit().getType());
  auto join = [](ArrayRef<int64_t> sizes) {
    return llvm::join(llvm::map_range(sizes, [](int64_t size) { return llvm::utostr(size); }), "x");
  };
  os << op->getName().stripDialect() << " " << join(result.getShape()) << "x"
     << result.getElementType() << " by " << join(op.getKernelShape()) << " of "
     << getFieldBits(op.getAlphabet()) << (op.hasIntegerAccumulator() ? " bits" : " bits, f32");
  auto window = [&](ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations) {
    os << ", strides " << join(strides) << ", dilations " << join(dilations);
  };
  if (auto conv = dyn_cast<Conv2DOp>(op.getOperation())) {
    window(conv.getStrides(), conv.getDilations());
    os << ", groups " << conv.getGroups();
  } else if (auto depthwise = dyn_cast<DepthwiseConv2DOp>(op.getOperation())) {
    window(depthwise.getStrides(), depthwise.getDilations());
  }
  return text;
}

const KernelTile *TileTable::lookup(LowBitComputeOpInterface op) const {
  auto found = entries.find(describeKernel(op));
  return found == entries.end() ? nullptr : &found->second.tile;
}

namespace {
/// An entry of the file.
struct FileEntry {
  std::string kernel;
  TileTable::Entry entry;
};

bool fromJSON(const json::Value &value, FileEntry &result, json::Path path) {
  json::ObjectMapper map(value, path);
  std::vector<int64_t> pixels;
  TileTable::Entry &entry = result.entry;
  if (!map || !map.map("kernel", result.kernel) || !map.map("pixels", pixels) ||
      !map.mapOptional("vectors", entry.tile.vectors) ||
      !map.mapOptional("microseconds", entry.microseconds) ||
      !map.mapOptional("default_microseconds", entry.defaultMicroseconds))
    return false;
  size_t rank = StringRef(result.kernel).starts_with("depthwise") ? 2 : 1;
  if (pixels.size() != rank ||
      llvm::any_of(pixels, [](int64_t size) { return size < 1 || size > maxTileSize; })) {
    path.field("pixels").report("expected as many sizes from 1 to 64 as tiles of this op have");
    return false;
  }
  if (entry.tile.vectors < 1 || entry.tile.vectors > maxTileVectors) {
    path.field("vectors").report("expected a number from 1 to 16");
    return false;
  }
  entry.tile.pixels.assign(pixels.begin(), pixels.end());
  return true;
}

/// The whole file.
struct FileContent {
  int64_t version = 0;
  std::string target, cpu;
  std::vector<FileEntry> tiles;
};

bool fromJSON(const json::Value &value, FileContent &result, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.map("version", result.version) && map.map("target", result.target) &&
         map.mapOptional("cpu", result.cpu) && map.map("tiles", result.tiles);
}
} // namespace

FailureOr<TileTable> TileTable::read(StringRef path, const gpfq::KernelTarget &target,
                                     function_ref<InFlightDiagnostic()> emitError) {
  std::string problem;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(path, &problem);
  if (!file)
    return emitError() << "tile table: " << problem;
  llvm::Expected<FileContent> content = json::parse<FileContent>(file->getBuffer(), "table");
  if (!content)
    return emitError() << "tile table '" << path
                       << "' cannot be read: " << llvm::toString(content.takeError())
                       << "; make one with gpfq-compile --tune";
  if (content->version != version)
    return emitError() << "tile table '" << path << "' has version " << content->version << ", not "
                       << version << "; make it again with gpfq-compile --tune";
  if (content->target != target.getName())
    return emitError() << "tile table '" << path << "' is for target '" << content->target
                       << "', not for '" << target.getName() << "'";
  TileTable table;
  table.target = std::move(content->target);
  table.cpu = std::move(content->cpu);
  for (FileEntry &entry : content->tiles)
    table.entries[entry.kernel] = std::move(entry.entry);
  return table;
}

std::string TileTable::toJson() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  json::OStream stream(os, /*IndentSize=*/2);
  auto attribute = [&](StringRef name, double microseconds) {
    stream.attributeBegin(name);
    stream.rawValue(llvm::formatv("{0:f2}", microseconds).str());
    stream.attributeEnd();
  };
  stream.object([&] {
    stream.attribute("version", version);
    stream.attribute("target", target);
    stream.attribute("cpu", cpu);
    stream.attributeArray("tiles", [&] {
      for (const auto &[kernel, entry] : entries)
        stream.object([&, &kernel = kernel, &entry = entry] {
          stream.attribute("kernel", kernel);
          stream.attributeArray("pixels", [&] {
            for (int64_t size : entry.tile.pixels)
              stream.value(size);
          });
          if (entry.tile.pixels.size() == 1)
            stream.attribute("vectors", entry.tile.vectors);
          attribute("microseconds", entry.microseconds);
          attribute("default_microseconds", entry.defaultMicroseconds);
        });
    });
  });
  os << "\n";
  return text;
}
