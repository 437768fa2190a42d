// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the calibrating passes share: the function and its data.

#ifndef GPFQ_CALIBRATION_CALIBRATIONRUN_H
#define GPFQ_CALIBRATION_CALIBRATIONRUN_H

#include "gpfq/Calibration/CalibrationData.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::gpfq {

/// The network of a module: its only function with a body that is public, or its only function.
FailureOr<func::FuncOp> getNetwork(ModuleOp module);

/// Opens one file for each argument of `function` and checks shapes, numbers of samples and that
/// the first `samples` (0: all) are finite. `samples` becomes the number to use. Errors are emitted
/// at `function`.
FailureOr<std::vector<::gpfq::CalibrationData>>
openCalibrationData(func::FuncOp function, ArrayRef<std::string> files, int64_t &samples);

/// 128 bits, in hexadecimal, of `function` with its constants, and of the first `samples` of
/// `data`. Without layer attributes what is to be made of the layers does not count.
std::string hashRun(func::FuncOp function, ArrayRef<::gpfq::CalibrationData> data, int64_t samples,
                    bool withLayerAttributes = true);

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_CALIBRATIONRUN_H
