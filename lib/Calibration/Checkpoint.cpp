// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/Checkpoint.h"
#include "Archive.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace gpfq;

/// First bytes of a layer file; the last one is the version of the format.
static constexpr char layerMagic[8] = {'g', 'p', 'f', 'q', 'l', 'y', 'r', 3};

/// A new file for `path` that has no name yet, so that nothing remains of it if the process ends;
/// -1 where the file system has no such files.
static int openUnnamed(const std::string &path) {
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
}

static bool writeAll(int file, const std::string &content) {
  for (size_t at = 0; at < content.size();) {
    ssize_t written = ::write(file, content.data() + at, content.size() - at);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return false;
    at += size_t(written);
  }
  return fsync(file) == 0;
}

Failure gpfq::writeFileAtomically(const std::string &path, const std::string &content) {
  // Files without a name can take a new one, but not replace another.
  std::string temporary = path + temporarySuffix + std::to_string(getpid());
  int file = openUnnamed(path);
  bool isNamed = file < 0;
  if (isNamed)
    file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0)
    return "cannot write '" + path + "': " + std::strerror(errno);
  bool isDone = writeAll(file, content);
  if (isDone && !isNamed) {
    std::string unnamed = "/proc/self/fd/" + std::to_string(file);
    unlink(temporary.c_str());
    isDone = linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) == 0;
  }
  isDone = isDone && std::rename(temporary.c_str(), path.c_str()) == 0;
  int error = errno;
  ::close(file);
  if (isDone)
    return std::nullopt;
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
  archive.value(result.report.poolRounds);
  archive.value(result.report.pooledErrorBefore);
  archive.value(result.report.pooledErrorAfter);
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
