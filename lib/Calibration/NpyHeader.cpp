// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "NpyHeader.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

using namespace gpfq;

namespace {
/// The Python dictionary of the header: string, bool and tuple values only.
class DictionaryReader {
public:
  DictionaryReader(const char *begin, const char *end) : at(begin), end(end) {}

  bool read(NpyHeader &header) {
    if (!skip('{'))
      return false;
    bool hasType = false, hasOrder = false, hasShape = false;
    while (!skip('}')) {
      std::string key;
      if (!readString(key) || !skip(':'))
        return false;
      if (key == "descr")
        hasType = readString(header.type);
      else if (key == "fortran_order")
        hasOrder = readBool(header.fortranOrder);
      else if (key == "shape")
        hasShape = readTuple(header.shape);
      else
        return false;
      if (!skip(',') && peek() != '}')
        return false;
    }
    return hasType && hasOrder && hasShape;
  }

private:
  char peek() {
    while (at != end && std::isspace(static_cast<unsigned char>(*at)))
      ++at;
    return at == end ? '\0' : *at;
  }
  bool skip(char c) {
    if (peek() != c)
      return false;
    ++at;
    return true;
  }
  bool readString(std::string &value) {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      return false;
    const char *begin = ++at;
    while (at != end && *at != quote)
      ++at;
    if (at == end)
      return false;
    value.assign(begin, at++);
    return true;
  }
  bool readBool(bool &value) {
    peek();
    for (const char *word : {"True", "False"}) {
      size_t length = std::strlen(word);
      if (size_t(end - at) >= length && std::memcmp(at, word, length) == 0) {
        value = word[0] == 'T';
        at += length;
        return true;
      }
    }
    return false;
  }
  bool readTuple(std::vector<int64_t> &values) {
    if (!skip('('))
      return false;
    while (!skip(')')) {
      int64_t value = 0;
      if (!std::isdigit(static_cast<unsigned char>(peek())))
        return false;
      while (at != end && std::isdigit(static_cast<unsigned char>(*at))) {
        if (value > (INT64_MAX - 9) / 10)
          return false;
        value = value * 10 + (*at++ - '0');
      }
      values.push_back(value);
      if (!skip(',') && peek() != ')')
        return false;
    }
    return true;
  }

  const char *at, *end;
};
} // namespace

Result<NpyHeader> gpfq::parseNpyHeader(const char *bytes, uint64_t size) {
  using Parsed = Result<NpyHeader>;
  if (size < 10 || std::memcmp(bytes, "\x93NUMPY", 6) != 0)
    return Parsed::failure("it does not start like a .npy file; write it with numpy.save");
  auto byte = [&](int i) { return uint64_t(static_cast<unsigned char>(bytes[i])); };
  int version = int(byte(6));
  if (version < 1 || version > 3)
    return Parsed::failure("its .npy format version is " + std::to_string(version) +
                           ", and 1 to 3 are known");
  uint64_t begin = version == 1 ? 10 : 12;
  uint64_t length = byte(8) | byte(9) << 8;
  if (version > 1 && size >= 12)
    length |= byte(10) << 16 | byte(11) << 24;
  if (begin + length > size)
    return Parsed::failure("it ends inside its header, so it is truncated; write it again");
  NpyHeader header;
  if (!DictionaryReader(bytes + begin, bytes + begin + length).read(header))
    return Parsed::failure(
        "its .npy header is not one of a plain array: " +
        std::string(bytes + begin, bytes + begin + std::min<uint64_t>(length, 80)));
  header.dataOffset = begin + length;
  return header;
}
