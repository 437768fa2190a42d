// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TOOLS_GPFQ_COMPILE_OPTIONS_H
#define GPFQ_TOOLS_GPFQ_COMPILE_OPTIONS_H

#include "gpfq/Compiler/ModelInterface.h"
#include "gpfq/Pipelines/Quantize.h"

#include <optional>
#include <string>

namespace mlir::gpfq {

/// Where compilation stops.
enum class EmitLevel { Library, Quantized, Integer, Packed, LLVM };

/// The command line of gpfq-compile, checked.
struct CommandLine {
  std::string inputFile, outputFile, reportFile, weightsFile, symbol, tilesFile, tuneFile;
  SmallVector<std::string> targets;
  EmitLevel emit;
  bool reference;
  bool keepFloat;
  unsigned optimization;
  Parallelism parallelism;
  bool profile = false;
  bool hasCalibration;
  QuantizeOptions quantize;
};

/// Parses and checks the command line. A bad one is reported on stderr and ends the process with
/// status 1.
void parseCommandLine(int argc, char **argv, CommandLine &commandLine);

} // namespace mlir::gpfq

#endif // GPFQ_TOOLS_GPFQ_COMPILE_OPTIONS_H
