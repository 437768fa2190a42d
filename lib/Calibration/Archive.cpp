// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Archive.h"
#include "gpfq/Calibration/Checkpoint.h"
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>

using namespace gpfq;

Result<bool> gpfq::readFile(const std::string &path, std::string &content) {
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

/// Removes what processes that have ended in the middle of a write have left.
static void removeTemporaries(const std::string &directory) {
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    size_t at = name.rfind(temporarySuffix);
    if (at == std::string::npos)
      continue;
    pid_t process = std::atoi(name.c_str() + at + std::strlen(temporarySuffix));
    if (process > 0 && kill(process, 0) != 0 && errno == ESRCH)
      std::filesystem::remove(entry.path(), error);
  }
}

Failure gpfq::openKeyedDirectory(const std::string &directory, const std::string &key,
                                 const std::string &what) {
  if (mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST)
    return "cannot create " + what + " '" + directory + "': " + std::strerror(errno);
  removeTemporaries(directory);
  std::string found;
  Result<bool> exists = readFile(directory + "/key", found);
  if (!exists)
    return exists.message();
  if (!*exists)
    return writeFileAtomically(directory + "/key", key);
  if (found != key)
    return what + " '" + directory +
           "' belongs to another model, other data or other options; name another directory or "
           "delete this one";
  return std::nullopt;
}

std::string gpfq::numberedPath(const std::string &directory, const std::string &name,
                               int64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "-%04lld", static_cast<long long>(number));
  return directory + "/" + name + text;
}
