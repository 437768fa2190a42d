// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/Checkpoint.h"
#include "Archive.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace gpfq;

/// First bytes of a layer file; the last one is the version of the format.
static constexpr char layerMagic[8] = {'g', 'p', 'f', 'q', 'l', 'y', 'r', 2};

Failure gpfq::writeFileAtomically(const std::string &path, const std::string &content) {
  std::string temporary = path + ".tmp" + std::to_string(getpid());
  FILE *file = std::fopen(temporary.c_str(), "wbe");
  if (!file)
    return "cannot write '" + path + "': " + std::strerror(errno);
  bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
  written &= std::fflush(file) == 0 && fsync(fileno(file)) == 0;
  int error = errno;
  written &= std::fclose(file) == 0;
  if (written && std::rename(temporary.c_str(), path.c_str()) == 0)
    return std::nullopt;
  if (written)
    error = errno;
  unlink(temporary.c_str());
  return "cannot write '" + path + "': " + std::strerror(error);
}

Result<Checkpoint> Checkpoint::open(const std::string &directory, const std::string &key) {
  if (Failure failure = openKeyedDirectory(directory, key, "checkpoint directory"))
    return Result<Checkpoint>::failure(*failure);
  return Checkpoint(directory);
}

std::string Checkpoint::layerPath(int64_t index) const {
  return numberedPath(directory, "layer", index);
}

/// Everything in a layer's file but the magic, in order. `Result` is LayerResult, const or not.
template <typename Archive, typename Result>
static void transfer(Archive &archive, Result &result) {
  archive.container(result.levels);
  archive.container(result.scales);
  archive.container(result.biasDelta);
  archive.container(result.report.method);
  archive.value(result.report.factorRidge);
  archive.value(result.report.inSampleError);
  archive.value(result.report.heldOutError);
  archive.value(result.report.clipRounds);
  archive.value(result.report.clippedErrorBefore);
  archive.value(result.report.clippedErrorAfter);
  archive.value(result.report.accumulatorBits);
  archive.value(result.report.sparsity);
  archive.value(result.report.meanStep);
}

Result<bool> Checkpoint::load(int64_t index, LayerResult &result) const {
  std::string bytes;
  Result<bool> exists = readFile(layerPath(index), bytes);
  if (!exists || !*exists)
    return exists;
  ArchiveReader reader{bytes};
  char magic[sizeof layerMagic] = {};
  reader.get(magic, sizeof magic);
  transfer(reader, result);
  if (!reader.good || reader.at != bytes.size() ||
      std::memcmp(magic, layerMagic, sizeof magic) != 0)
    return Result<bool>::failure("checkpoint file '" + layerPath(index) +
                                 "' is damaged; delete it, and the layer is quantised again");
  return true;
}

Failure Checkpoint::store(int64_t index, const LayerResult &result) const {
  ArchiveWriter writer;
  writer.put(layerMagic, sizeof layerMagic);
  transfer(writer, result);
  return writeFileAtomically(layerPath(index), writer.bytes);
}
