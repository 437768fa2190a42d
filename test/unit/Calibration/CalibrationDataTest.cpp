// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/CalibrationData.h"

#include "TemporaryDirectory.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <zip.h>

using namespace gpfq;
using testing::Test;

namespace {
template <typename T> std::string bytesOf(const std::vector<T> &values) {
  return std::string(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
}

std::string npy(const std::string &type, bool fortran, const std::string &shape,
                const std::string &data, int version = 1) {
  std::string header = "{'descr': '" + type +
                       "', 'fortran_order': " + (fortran ? "True" : "False") +
                       ", 'shape': " + shape + ", }";
  size_t prefix = version == 1 ? 10 : 12;
  while ((prefix + header.size() + 1) % 64)
    header += ' ';
  header += '\n';
  std::string result = "\x93NUMPY";
  result += char(version);
  result += '\0';
  for (size_t i = 0; i < prefix - 8; ++i)
    result += char(header.size() >> (8 * i));
  return result + header + data;
}

struct CalibrationDataTest : Test {
  void expectFailure(const std::string &content, const std::string &text) {
    Result<CalibrationData> data = CalibrationData::open(directory.write("x.npy", content));
    ASSERT_FALSE(data);
    EXPECT_NE(data.message().find(text), std::string::npos) << data.message();
  }

  TemporaryDirectory directory;
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
};
} // namespace

TEST_F(CalibrationDataTest, MapsLittleEndianRowMajor) {
  for (int version : {1, 2, 3}) {
    auto data = CalibrationData::open(
        directory.write("x.npy", npy("<f4", false, "(3, 2)", bytesOf(values), version)));
    ASSERT_TRUE(data) << data.message();
    EXPECT_TRUE(data->isMapped());
    EXPECT_EQ(data->samples(), 3);
    EXPECT_EQ(data->sampleShape(), std::vector<int64_t>{2});
    EXPECT_EQ(data->sampleAs<float>(2)[1], 6.0f);
  }
}

TEST_F(CalibrationDataTest, ConvertsFortranOrder) {
  // Columns of [[1, 2, 3], [4, 5, 6]].
  std::vector<float> columns = {1, 4, 2, 5, 3, 6};
  auto data =
      CalibrationData::open(directory.write("x.npy", npy("<f4", true, "(2, 3)", bytesOf(columns))));
  ASSERT_TRUE(data) << data.message();
  EXPECT_FALSE(data->isMapped());
  EXPECT_EQ(0, std::memcmp(data->sample(0), values.data(), 6 * sizeof(float)));
}

TEST_F(CalibrationDataTest, ConvertsBigEndian) {
  std::string swapped = bytesOf(values);
  for (size_t i = 0; i < swapped.size(); i += 4) {
    std::swap(swapped[i], swapped[i + 3]);
    std::swap(swapped[i + 1], swapped[i + 2]);
  }
  auto data = CalibrationData::open(directory.write("x.npy", npy(">f4", false, "(6,)", swapped)));
  ASSERT_TRUE(data) << data.message();
  EXPECT_EQ(data->samples(), 6);
  EXPECT_EQ(0, std::memcmp(data->sample(0), values.data(), 6 * sizeof(float)));
}

TEST_F(CalibrationDataTest, ReadsArchives) {
  for (zip_int32_t method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    std::string content = npy("<f4", false, "(2, 3)", bytesOf(values));
    std::string path = directory.file("x" + std::to_string(method) + ".npz");
    zip_t *archive = zip_open(path.c_str(), ZIP_CREATE, nullptr);
    zip_int64_t index = zip_file_add(
        archive, "arr_0.npy", zip_source_buffer(archive, content.data(), content.size(), 0), 0);
    zip_set_file_compression(archive, zip_uint64_t(index), method, 0);
    ASSERT_EQ(zip_close(archive), 0);
    auto data = CalibrationData::open(path);
    ASSERT_TRUE(data) << data.message();
    EXPECT_EQ(data->samples(), 2);
    EXPECT_EQ(data->sampleAs<float>(1)[2], 6.0f);
  }
}

TEST_F(CalibrationDataTest, ReadsIntegers) {
  std::vector<int64_t> numbers = {1, -2, 3, 4, 5, int64_t(1) << 40};
  std::string content = npy("<i8", false, "(3, 2)", bytesOf(numbers));
  auto data = CalibrationData::open(directory.write("x.npy", content), ElementType::I64);
  ASSERT_TRUE(data) << data.message();
  EXPECT_TRUE(data->isMapped());
  EXPECT_EQ(data->sampleBytes(), 16);
  EXPECT_EQ(data->sampleAs<int64_t>(2)[1], int64_t(1) << 40);
  EXPECT_FALSE(data->checkFinite(3));
  EXPECT_FALSE(data->checkRange(1, -2, 1));
  Failure failure = data->checkRange(3, -2, 100);
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->find("has 1099511627776 in sample 2, element 1"), std::string::npos)
      << *failure;

  std::vector<int32_t> columns = {0x01000000, 0x04000000, 0x02000000, -1};
  auto swapped = CalibrationData::open(
      directory.write("y.npy", npy(">i4", true, "(2, 2)", bytesOf(columns))), ElementType::I32);
  ASSERT_TRUE(swapped) << swapped.message();
  EXPECT_EQ(swapped->sampleAs<int32_t>(0)[1], 2);
  EXPECT_EQ(swapped->sampleAs<int32_t>(1)[0], 4);
  EXPECT_TRUE(swapped->checkRange(2, 0, 4));

  auto wrong = CalibrationData::open(directory.file("x.npy"), ElementType::I32);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.message().find("array.astype(numpy.int32)"), std::string::npos)
      << wrong.message();
}

TEST_F(CalibrationDataTest, PicksAnArrayOfAnArchive) {
  std::string path = directory.file("x.npz");
  std::vector<int64_t> numbers = {7, 8};
  std::string floats = npy("<f4", false, "(2, 3)", bytesOf(values)),
              integers = npy("<i8", false, "(2, 1)", bytesOf(numbers));
  zip_t *archive = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  zip_file_add(archive, "images.npy", zip_source_buffer(archive, floats.data(), floats.size(), 0),
               0);
  zip_file_add(archive, "words.npy",
               zip_source_buffer(archive, integers.data(), integers.size(), 0), 0);
  ASSERT_EQ(zip_close(archive), 0);
  auto words = CalibrationData::open(path + ":words", ElementType::I64);
  ASSERT_TRUE(words) << words.message();
  EXPECT_EQ(words->sampleAs<int64_t>(1)[0], 8);
  auto images = CalibrationData::open(path + ":images");
  ASSERT_TRUE(images) << images.message();
  EXPECT_EQ(images->sampleAs<float>(1)[2], 6.0f);
  for (auto [name, text] : {std::pair("", "holds 2 arrays (images, words), and one is expected"),
                            std::pair(":mask", "holds no array 'mask'; it has images, words")}) {
    auto wrong = CalibrationData::open(path + name);
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.message().find(text), std::string::npos) << wrong.message();
  }
}

TEST_F(CalibrationDataTest, RefusesBadFiles) {
  EXPECT_FALSE(CalibrationData::open(directory.file("missing.npy")));
  expectFailure("", "is empty");
  expectFailure("hello, world", "numpy.save");
  expectFailure("PK\x03\x04 not an archive", ".npz");
  std::string good = npy("<f4", false, "(3, 2)", bytesOf(values));
  expectFailure(good.substr(0, good.size() - 1), "truncated: shape [3, 2] needs 24 bytes");
  expectFailure(good.substr(0, 20), "truncated");
  expectFailure(npy("<f8", false, "(1,)", std::string(8, 0)), "numpy.float32");
  expectFailure(npy("|u1", false, "(1,)", std::string(1, 0)), "'|u1'");
  expectFailure(npy("<f4", false, "(0, 2)", ""), "at least one sample");
  expectFailure(npy("<f4", false, "()", bytesOf(values)), "first axis");
  expectFailure(npy("<f4", false, "(4611686018427387904, 8)", ""), "impossible shape");
}

TEST_F(CalibrationDataTest, ChecksShapes) {
  auto data =
      CalibrationData::open(directory.write("x.npy", npy("<f4", false, "(3, 2)", bytesOf(values))));
  ASSERT_TRUE(data);
  EXPECT_FALSE(data->checkShape({1, 2}));
  EXPECT_FALSE(data->checkShape({2}));
  Failure failure = data->checkShape({1, 4});
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->find("[2], and the argument needs [4]"), std::string::npos) << *failure;
}

TEST_F(CalibrationDataTest, NamesTheSampleThatIsNotFinite) {
  values[3] = NAN;
  values[5] = INFINITY;
  auto data =
      CalibrationData::open(directory.write("x.npy", npy("<f4", false, "(3, 2)", bytesOf(values))));
  ASSERT_TRUE(data);
  EXPECT_FALSE(data->checkFinite(1));
  Failure failure = data->checkFinite(3);
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->find("a NaN in sample 1, element 1"), std::string::npos) << *failure;
}
