// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/Output.h"

#include "lld/Common/Driver.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace mlir::gpfq;

FailureOr<OutputFile> OutputFile::create(StringRef path, Location loc) {
  // The last step, renaming, would fail, after all the work and after other files are in place.
  if (llvm::sys::fs::is_directory(path))
    return emitError(loc) << "cannot write '" << path << "': it is a directory";
  // TempFile has a signal remove the file once it exists; one that comes in between leaves it.
  SmallString<128> temporaryPath;
  llvm::sys::fs::createUniquePath(path + ".%%%%%%.tmp", temporaryPath, /*MakeAbsolute=*/false);
  llvm::sys::RemoveFileOnSignal(temporaryPath);
  llvm::Expected<llvm::sys::fs::TempFile> temporary =
      llvm::sys::fs::TempFile::create(temporaryPath);
  if (!temporary) {
    llvm::sys::DontRemoveFileOnSignal(temporaryPath);
    return emitError(loc) << "cannot write '" << path
                          << "': " << llvm::toString(temporary.takeError());
  }
  return OutputFile(path.str(), std::move(*temporary), loc);
}

OutputFile::~OutputFile() {
  if (temporary)
    llvm::consumeError(temporary->discard());
}

LogicalResult OutputFile::write(StringRef bytes) {
  llvm::raw_fd_ostream stream(temporary->FD, /*shouldClose=*/false);
  stream << bytes;
  stream.flush();
  if (std::error_code error = stream.error()) {
    stream.clear_error();
    return emitError(loc) << "cannot write '" << path << "': " << error.message();
  }
  return success();
}

LogicalResult OutputFile::keep() {
  llvm::Error error = temporary->keep(path);
  temporary.reset();
  if (error)
    return emitError(loc) << "cannot write '" << path << "': " << llvm::toString(std::move(error));
  return success();
}

LogicalResult mlir::gpfq::linkSharedLibrary(ArrayRef<Object> objects, OutputFile &output,
                                            Location loc) {
  SmallVector<OutputFile> objectFiles;
  for (auto [i, object] : llvm::enumerate(objects)) {
    FailureOr<OutputFile> file =
        OutputFile::create((output.getPath() + "." + Twine(i) + ".o").str(), loc);
    if (failed(file) || failed(file->write(StringRef(object.data(), object.size()))))
      return failure();
    objectFiles.push_back(std::move(*file));
  }
  std::string outputPath = output.getTemporaryPath().str();
  std::string soname = ("-soname=" + llvm::sys::path::filename(output.getPath())).str();
  std::vector<std::string> paths;
  for (const OutputFile &file : objectFiles)
    paths.push_back(file.getTemporaryPath().str());
  std::vector<const char *> arguments = {
      "ld.lld", "-shared",         soname.c_str(), "--gc-sections", "--hash-style=gnu",
      "-z",     "noexecstack",     "-z",           "now",           "-s",
      "-o",     outputPath.c_str()};
  for (const std::string &path : paths)
    arguments.push_back(path.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return emitError(loc) << "cannot link '" << output.getPath()
                          << "': " << StringRef(messages).trim();
  return success();
}

LogicalResult mlir::gpfq::writeStaticLibrary(StringRef object, StringRef memberName,
                                             OutputFile &output, Location loc) {
  llvm::NewArchiveMember member(llvm::MemoryBufferRef(object, memberName));
  auto archive = llvm::writeArchiveToBuffer(member, llvm::SymtabWritingMode::NormalSymtab,
                                            llvm::object::Archive::K_GNU, /*Deterministic=*/true,
                                            /*Thin=*/false);
  if (!archive)
    return emitError(loc) << "cannot make the archive '" << output.getPath()
                          << "': " << llvm::toString(archive.takeError());
  return output.write((*archive)->getBuffer());
}
