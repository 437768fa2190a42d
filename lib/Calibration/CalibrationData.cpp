// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/CalibrationData.h"

#include "NpyHeader.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

using namespace gpfq;

/// What holds the elements: a mapping of the file, or memory.
struct CalibrationData::Storage {
  void *mapping = nullptr;
  uint64_t mappingBytes = 0;
  std::vector<char> bytes, converted;

  ~Storage() {
    if (mapping)
      munmap(mapping, mappingBytes);
  }
};

CalibrationData::CalibrationData() : storage(std::make_unique<Storage>()) {}
CalibrationData::CalibrationData(CalibrationData &&) noexcept = default;
CalibrationData &CalibrationData::operator=(CalibrationData &&) noexcept = default;
CalibrationData::~CalibrationData() = default;

bool CalibrationData::isMapped() const { return storage->mapping && storage->converted.empty(); }

int64_t gpfq::getBytes(ElementType type) {
  switch (type) {
  case ElementType::I8:
    return 1;
  case ElementType::F32:
  case ElementType::I32:
    return 4;
  case ElementType::I64:
    return 8;
  }
  return 0;
}

std::string gpfq::formatShape(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

static Failure mapFile(const std::string &path, void *&mapping, uint64_t &size) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return std::string("cannot be opened: ") + std::strerror(errno);
  struct stat status;
  Failure failure;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    failure = "is not a file";
  } else if (status.st_size == 0) {
    failure = "is empty";
  } else {
    size = uint64_t(status.st_size);
    mapping = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapping == MAP_FAILED) {
      mapping = nullptr;
      failure = std::string("cannot be mapped: ") + std::strerror(errno);
    }
  }
  close(file);
  return failure;
}

/// The number of the array `member` of `archive`, or of its only one if there is no name.
static Result<zip_uint64_t> findEntry(zip_t *archive, const std::string &path,
                                      const std::string &member) {
  zip_int64_t count = zip_get_num_entries(archive, 0);
  std::string names, first;
  for (zip_int64_t i = 0; i < count; ++i) {
    std::string name = zip_get_name(archive, zip_uint64_t(i), 0);
    // numpy.savez adds the extension to the name.
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".npy") == 0)
      name.resize(name.size() - 4);
    if (name == member)
      return zip_uint64_t(i);
    names += (i ? ", " : "") + name;
    first = i ? first : name;
  }
  if (!member.empty())
    return Result<zip_uint64_t>::failure("holds no array '" + member + "'; it has " + names);
  if (count != 1)
    return Result<zip_uint64_t>::failure("holds " + std::to_string(count) + " arrays (" + names +
                                         "), and one is expected; name it, as in " + path + ":" +
                                         (count ? first : "x"));
  return zip_uint64_t(0);
}

/// Reads the array `member` of the archive in `archiveBytes`, or its only one.
static Failure readArchive(const void *archiveBytes, uint64_t archiveSize, const std::string &path,
                           const std::string &member, std::vector<char> &content) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create(archiveBytes, archiveSize, 0, &error);
  zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr;
  if (!archive) {
    std::string text = zip_error_strerror(&error);
    if (source)
      zip_source_free(source);
    zip_error_fini(&error);
    return "is not a readable .npz archive (" + text + "); write it with numpy.savez";
  }
  Failure failure;
  zip_stat_t entry;
  Result<zip_uint64_t> index = findEntry(archive, path, member);
  if (!index) {
    failure = index.message();
  } else if (zip_stat_index(archive, *index, 0, &entry) != 0 || !(entry.valid & ZIP_STAT_SIZE)) {
    failure = std::string("cannot be read: ") + zip_strerror(archive);
  } else {
    content.resize(entry.size);
    zip_file_t *file = zip_fopen_index(archive, *index, 0);
    uint64_t done = 0;
    while (file && done < entry.size) {
      zip_int64_t n = zip_fread(file, content.data() + done, entry.size - done);
      if (n <= 0)
        break;
      done += uint64_t(n);
    }
    if (!file || done != entry.size)
      failure = "has a damaged entry " + std::string(entry.name) + "; write it again";
    if (file)
      zip_fclose(file);
  }
  zip_discard(archive);
  return failure;
}

/// Row-major, host-endian copy of the `count` elements of `width` bytes at `source`.
static std::vector<char> convert(const NpyHeader &header, const char *source, size_t count,
                                 size_t width) {
  std::vector<char> result(source, source + count * width);
  if (header.type[0] == '>')
    for (size_t i = 0; i < count; ++i)
      std::reverse(result.begin() + i * width, result.begin() + (i + 1) * width);
  if (!header.fortranOrder)
    return result;
  size_t rank = header.shape.size();
  std::vector<int64_t> strides(rank, 1), index(rank, 0);
  for (size_t d = 1; d < rank; ++d)
    strides[d] = strides[d - 1] * header.shape[d - 1];
  std::vector<char> ordered(result.size());
  int64_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(ordered.data() + i * width, result.data() + size_t(at) * width, width);
    for (size_t d = rank; d-- > 0;) {
      at += strides[d];
      if (++index[d] < header.shape[d])
        break;
      at -= strides[d] * header.shape[d];
      index[d] = 0;
    }
  }
  return ordered;
}

/// The end of NumPy's name of a type, what it is called and what it is there.
struct TypeNames {
  const char *code, *words, *numpy;
};
static TypeNames getNames(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return {"f4", "32-bit floats", "numpy.float32"};
  case ElementType::I8:
    return {"i1", "8-bit integers", "numpy.int8"};
  case ElementType::I32:
    return {"i4", "32-bit integers", "numpy.int32"};
  case ElementType::I64:
    return {"i8", "64-bit integers", "numpy.int64"};
  }
  return {};
}

static Failure checkType(const std::string &found, ElementType expected) {
  TypeNames names = getNames(expected);
  if (found.size() == 3 && std::strchr("<>=|", found[0]) && found.substr(1) == names.code)
    return std::nullopt;
  return "holds elements of type '" + found + "', and " + names.words + " ('<" + names.code +
         "') are expected; convert it with array.astype(" + names.numpy + ")";
}

/// Splits x.npz:NAME into the file and the array.
static std::pair<std::string, std::string> splitMember(const std::string &path) {
  static const std::string mark = ".npz:";
  size_t at = path.rfind(mark);
  if (at == std::string::npos)
    return {path, ""};
  return {path.substr(0, at + mark.size() - 1), path.substr(at + mark.size())};
}

Result<CalibrationData> CalibrationData::open(const std::string &path, ElementType type) {
  auto fail = [&](const std::string &text) {
    return Result<CalibrationData>::failure("calibration file '" + path + "' " + text);
  };
  CalibrationData result;
  result.filePath = path;
  result.type = type;
  auto [file, member] = splitMember(path);
  Storage &storage = *result.storage;
  if (Failure failure = mapFile(file, storage.mapping, storage.mappingBytes))
    return fail(*failure);
  const char *bytes = static_cast<const char *>(storage.mapping);
  uint64_t size = storage.mappingBytes;
  bool isArchive = size >= 2 && bytes[0] == 'P' && bytes[1] == 'K';
  if (isArchive) {
    if (Failure failure = readArchive(bytes, size, file, member, storage.bytes))
      return fail(*failure);
    munmap(storage.mapping, storage.mappingBytes);
    storage.mapping = nullptr;
    bytes = storage.bytes.data();
    size = storage.bytes.size();
  } else if (!member.empty()) {
    return fail("is not a .npz archive, so it has no array '" + member + "'");
  }

  Result<NpyHeader> header = parseNpyHeader(bytes, size);
  if (!header)
    return fail("cannot be read: " + header.message());
  if (Failure failure = checkType(header->type, type))
    return fail(*failure);
  if (header->shape.empty())
    return fail("holds one number, and an array whose first axis counts samples is expected");
  int64_t count = 1;
  for (int64_t extent : header->shape)
    if (__builtin_mul_overflow(count, extent, &count) || count > INT64_MAX / 8)
      return fail("has the impossible shape " + formatShape(header->shape));
  if (count == 0)
    return fail("has shape " + formatShape(header->shape) +
                ", which is no data; at least one sample is needed");
  auto width = uint64_t(getBytes(type));
  uint64_t expected = uint64_t(count) * width, found = size - header->dataOffset;
  if (found < expected)
    return fail("is truncated: shape " + formatShape(header->shape) + " needs " +
                std::to_string(expected) + " bytes of data, and there are " +
                std::to_string(found) + "; write it again");

  const char *elements = bytes + header->dataOffset;
  bool isAligned = reinterpret_cast<uintptr_t>(elements) % width == 0;
  if (header->fortranOrder || header->type[0] == '>' || !isAligned) {
    storage.converted = convert(*header, elements, size_t(count), width);
    result.data = storage.converted.data();
    storage.bytes = {};
  } else {
    result.data = elements;
  }
  result.numSamples = header->shape[0];
  result.elements = count / header->shape[0];
  result.shape.assign(header->shape.begin() + 1, header->shape.end());
  return result;
}

Failure CalibrationData::checkShape(const std::vector<int64_t> &argument) const {
  std::vector<int64_t> expected = argument;
  if (shape == expected)
    return std::nullopt;
  if (!expected.empty() && expected.front() == 1)
    expected.erase(expected.begin());
  if (shape == expected)
    return std::nullopt;
  return "calibration file '" + filePath + "' has samples of shape " + formatShape(shape) +
         ", and the argument needs " + formatShape(expected) +
         "; save an array of shape [samples, then those axes]";
}

/// Index of the first NaN or infinity, or `count`.
static int64_t findNonFinite(const float *values, int64_t count) {
  constexpr uint32_t exponent = 0x7f800000u;
  uint32_t any = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    any |= uint32_t((bits & exponent) == exponent);
  }
  if (!any)
    return count;
  for (int64_t i = 0;; ++i) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    if ((bits & exponent) == exponent)
      return i;
  }
}

Failure CalibrationData::checkFinite(int64_t count) const {
  if (type != ElementType::F32)
    return std::nullopt;
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = findNonFinite(sampleAs<float>(i), elements);
    if (at == elements)
      continue;
    float value = sampleAs<float>(i)[at];
    return "calibration file '" + filePath + "' has " + (value != value ? "a NaN" : "an infinity") +
           " in sample " + std::to_string(i) + ", element " + std::to_string(at) +
           "; remove the sample or repair its preprocessing";
  }
  return std::nullopt;
}

Failure CalibrationData::checkRange(int64_t count, int64_t low, int64_t high) const {
  auto read = [&](int64_t i, int64_t at) -> int64_t {
    if (type == ElementType::I64)
      return sampleAs<int64_t>(i)[at];
    return type == ElementType::I32 ? sampleAs<int32_t>(i)[at] : sampleAs<int8_t>(i)[at];
  };
  for (int64_t i = 0; i < count; ++i)
    for (int64_t at = 0; at < elements; ++at)
      if (int64_t value = read(i, at); value < low || value > high)
        return "calibration file '" + filePath + "' has " + std::to_string(value) + " in sample " +
               std::to_string(i) + ", element " + std::to_string(at) +
               ", and the network looks it up in a table that takes " + std::to_string(low) +
               " to " + std::to_string(high) + "; use the vocabulary of the network";
  return std::nullopt;
}
