// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Support/Progress.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::gpfq;

static ProgressFormat format = ProgressFormat::Auto;

void mlir::gpfq::setProgressFormat(ProgressFormat newFormat) { format = newFormat; }

static void printJson(llvm::json::Object object) {
  llvm::errs() << llvm::json::Value(std::move(object)) << "\n";
  llvm::errs().flush();
}

static bool isForPeople() { return format == ProgressFormat::Auto && llvm::errs().is_displayed(); }

void mlir::gpfq::announceTask(StringRef task, double seconds) {
  if (format == ProgressFormat::Json)
    printJson(llvm::json::Object{{"progress", task}});
  else if (isForPeople())
    llvm::errs() << llvm::format("[%7.1f s] ", seconds) << task << "\n";
}

Progress::Progress(StringRef task, int64_t total, StringRef unit)
    : task(task), unit(unit), total(total), isLineShown(isForPeople()),
      start(std::chrono::steady_clock::now()) {
  update(0);
}

Progress::~Progress() {
  if (isLineShown)
    llvm::errs() << "\r\033[K";
}

void Progress::update(int64_t done) {
  if (format == ProgressFormat::Json)
    printJson(llvm::json::Object{
        {"progress", task}, {"done", done}, {"total", total}, {"unit", unit + "s"}});
  else if (isLineShown && done < total)
    printLine(done);
}

void Progress::printLine(int64_t done) {
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  llvm::errs() << "\r\033[K" << task << ": " << unit << " " << done + 1 << " of " << total
               << llvm::format(", %.0f s elapsed", seconds);
  if (done > 0)
    llvm::errs() << llvm::format(", %.0f s left", seconds / double(done) * double(total - done));
  llvm::errs().flush();
}
