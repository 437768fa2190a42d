// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/Checkpoint.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>
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

/// The content of a file; false when there is none.
static Result<bool> readFile(const std::string &path, std::string &content) {
  FILE *file = std::fopen(path.c_str(), "rbe");
  if (!file) {
    if (errno == ENOENT)
      return false;
    return Result<bool>::failure("cannot read '" + path + "': " + std::strerror(errno));
  }
  char buffer[1 << 16];
  while (size_t n = std::fread(buffer, 1, sizeof buffer, file))
    content.append(buffer, n);
  bool failed = std::ferror(file);
  std::fclose(file);
  if (failed)
    return Result<bool>::failure("cannot read '" + path + "'");
  return true;
}

Result<Checkpoint> Checkpoint::open(const std::string &directory, const std::string &key) {
  if (mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST)
    return Result<Checkpoint>::failure("cannot create checkpoint directory '" + directory +
                                       "': " + std::strerror(errno));
  Checkpoint checkpoint(directory);
  std::string found;
  Result<bool> exists = readFile(directory + "/key", found);
  if (!exists)
    return Result<Checkpoint>::failure(exists.message());
  if (!*exists) {
    if (Failure failure = writeFileAtomically(directory + "/key", key))
      return Result<Checkpoint>::failure(*failure);
  } else if (found != key) {
    return Result<Checkpoint>::failure("checkpoint directory '" + directory +
                                       "' belongs to another model, other data or other options; "
                                       "name another directory or delete this one");
  }
  return checkpoint;
}

std::string Checkpoint::layerPath(int64_t index) const {
  char name[32];
  std::snprintf(name, sizeof name, "/layer-%04lld", static_cast<long long>(index));
  return directory + name;
}

namespace {
/// Appends to or reads from a string of bytes, in the byte order of the host.
struct Writer {
  std::string bytes;
  void put(const void *data, size_t size) { bytes.append(static_cast<const char *>(data), size); }
  template <typename T> void value(const T &x) { put(&x, sizeof x); }
  template <typename Container> void container(const Container &x) {
    value(uint64_t(x.size()));
    put(x.data(), x.size() * sizeof *x.data());
  }
};

struct Reader {
  const std::string &bytes;
  size_t at = 0;
  bool good = true;
  void get(void *data, size_t size) {
    good = good && size <= bytes.size() - at;
    if (!good)
      return;
    std::memcpy(data, bytes.data() + at, size);
    at += size;
  }
  template <typename T> void value(T &x) { get(&x, sizeof x); }
  template <typename Container> void container(Container &x) {
    uint64_t size = 0;
    value(size);
    good = good && size <= (bytes.size() - at) / sizeof *x.data();
    if (!good)
      return;
    x.resize(size);
    get(x.data(), size * sizeof *x.data());
  }
};
/// Everything in a layer's file but the magic, in order. `Result` is LayerResult, const or not.
template <typename Archive, typename Result> void transfer(Archive &archive, Result &result) {
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
} // namespace

Result<bool> Checkpoint::load(int64_t index, LayerResult &result) const {
  std::string bytes;
  Result<bool> exists = readFile(layerPath(index), bytes);
  if (!exists || !*exists)
    return exists;
  Reader reader{bytes};
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
  Writer writer;
  writer.put(layerMagic, sizeof layerMagic);
  transfer(writer, result);
  return writeFileAtomically(layerPath(index), writer.bytes);
}
