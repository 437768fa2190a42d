// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/MomentCache.h"
#include "Archive.h"
#include "gpfq/Calibration/Checkpoint.h"
#include <cstring>

using namespace gpfq;

/// First bytes of a file; the last one is the version of the format.
static constexpr char magic[8] = {'g', 'p', 'f', 'q', 'm', 'o', 'm', 2};

/// Lower triangles of groups x n x n, or nothing.
static void putSymmetric(ArchiveWriter &writer, const std::vector<double> &m, int64_t n) {
  writer.value(uint64_t(m.size()));
  for (size_t row = 0; row * n < m.size(); ++row)
    writer.put(m.data() + row * n, (row % n + 1) * sizeof(double));
}

static void getSymmetric(ArchiveReader &reader, std::vector<double> &m, int64_t n) {
  uint64_t size = 0;
  reader.value(size);
  reader.good = reader.good && size / 2 <= (reader.bytes.size() - reader.at) / sizeof(double);
  if (!reader.good)
    return;
  m.resize(size);
  for (size_t row = 0; row * n < size; ++row) {
    size_t begin = row / n * n, t = row % n;
    reader.get(m.data() + row * n, (t + 1) * sizeof(double));
    for (size_t j = 0; j < t; ++j)
      m[(begin + j) * n + t] = m[row * n + j];
  }
}

static void putGram(ArchiveWriter &writer, const Gram &gram) {
  for (int64_t value : {gram.groups, gram.columns, gram.neuronsPerGroup, gram.rows,
                        int64_t(gram.sharedInputs), int64_t(gram.foldsMismatch)})
    writer.value(value);
  putSymmetric(writer, gram.h, gram.columns);
  putSymmetric(writer, gram.xx, gram.columns);
  for (const std::vector<double> *values :
       {&gram.g, &gram.outputEnergy, &gram.sumX, &gram.sumXq, &gram.shiftXq, &gram.shiftX,
        &gram.shiftEnergy, &gram.sumShift})
    writer.container(*values);
}

static void getGram(ArchiveReader &reader, Gram &gram) {
  int64_t isShared = 0, isFolded = 0;
  for (int64_t *value :
       {&gram.groups, &gram.columns, &gram.neuronsPerGroup, &gram.rows, &isShared, &isFolded})
    reader.value(*value);
  gram.sharedInputs = isShared != 0;
  gram.foldsMismatch = isFolded != 0;
  reader.good = reader.good && gram.columns > 0;
  if (!reader.good)
    return;
  getSymmetric(reader, gram.h, gram.columns);
  getSymmetric(reader, gram.xx, gram.columns);
  for (std::vector<double> *values :
       {&gram.g, &gram.outputEnergy, &gram.sumX, &gram.sumXq, &gram.shiftXq, &gram.shiftX,
        &gram.shiftEnergy, &gram.sumShift})
    reader.container(*values);
}

Result<MomentCache> MomentCache::open(const std::string &directory, const std::string &key) {
  if (Failure failure = openKeyedDirectory(directory, key, "moment cache"))
    return Result<MomentCache>::failure(*failure);
  return MomentCache(directory);
}

Result<bool> MomentCache::load(int64_t index, const std::string &state, Gram &training,
                               Gram &heldOut) const {
  std::string path = numberedPath(directory, "moments", index), bytes, found;
  Result<bool> exists = readFile(path, bytes);
  if (!exists || !*exists)
    return exists;
  ArchiveReader reader{bytes};
  char start[sizeof magic] = {};
  reader.get(start, sizeof start);
  reader.container(found);
  bool isOurs = reader.good && std::memcmp(start, magic, sizeof magic) == 0;
  if (isOurs && found != state)
    return false;
  if (isOurs) {
    getGram(reader, training);
    getGram(reader, heldOut);
  }
  if (!isOurs || !reader.good || reader.at != bytes.size())
    return Result<bool>::failure("moment file '" + path +
                                 "' is damaged; delete it, and its moments are formed again");
  return true;
}

Failure MomentCache::store(int64_t index, const std::string &state, const Gram &training,
                           const Gram &heldOut) const {
  ArchiveWriter writer;
  writer.put(magic, sizeof magic);
  writer.container(state);
  putGram(writer, training);
  putGram(writer, heldOut);
  return writeFileAtomically(numberedPath(directory, "moments", index), writer.bytes);
}
