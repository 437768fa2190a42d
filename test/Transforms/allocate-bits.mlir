// RUN: %python %S/../Inputs/make_npy.py %t.npy 64x4 signed
// Bits go where the outputs lose most: the second layer is scaled up by 100, the first one is nearly lost in the bias.
// RUN: gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy average-bits=5 candidates=2,8 report=%t.json" 2>%t.log | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.log
// RUN: FileCheck %s --check-prefix=REPORT < %t.json
// With as much as they like, all get the most; with a budget in bytes for the least, the least.
// RUN: gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy average-bits=8 candidates=2,8" | FileCheck %s --check-prefix=MOST
// RUN: gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy budget=8 candidates=2,3" | FileCheck %s --check-prefix=LEAST
// A layer that is fixed keeps its alphabet and counts: the other one cannot have 8 bits then.
// RUN: gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy average-bits=5 candidates=2,8 fixed=weak" | FileCheck %s --check-prefix=FIXED

// RUN: not gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy" 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: one of average-bits and budget says what the weights may take; it must be above 0
// RUN: not gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy average-bits=3 budget=10" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy average-bits=1" 2>&1 | FileCheck %s --check-prefix=SMALL
// SMALL: error: bits do not fit the budget: the smallest choices take 64, more than the budget of 32 (in bits)
// RUN: not gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy average-bits=3 candidates=9" 2>&1 | FileCheck %s --check-prefix=BITS
// BITS: error: candidates: 9 is not in 1 to 8
// RUN: not gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy average-bits=3 fixed=(" 2>&1 | FileCheck %s --check-prefix=REGEX
// REGEX: error: fixed='(' is not a regular expression
// RUN: not gpfq-opt %s --gpfq-allocate-bits="calibration=%t.npy average-bits=3 output-samples=0" 2>&1 | FileCheck %s --check-prefix=OUTPUTS
// OUTPUTS: error: output-samples is below 1

// CHECK-LABEL: func @network
// CHECK: linalg.matmul {lowbit.layer = #lowbit.layer<"weak", <mid_rise, [2]>, channel>}
// CHECK: linalg.matmul {lowbit.layer = #lowbit.layer<"strong", <mid_tread, [127]>, tensor>}
// REMARK: remark: weights take 20 bytes, 5.00 bits on average; predicted relative error of the outputs: 0.
// REPORT: "bits": [
// REPORT-NEXT: 2,
// REPORT-NEXT: 8
// REPORT: "frontier": [
// REPORT: "units": [
// REPORT: "output_error": {{[0-9.e-]+}}
// MOST: #lowbit.layer<"weak", <mid_tread, [127]>, channel>
// MOST: #lowbit.layer<"strong", <mid_tread, [127]>, tensor>
// LEAST: #lowbit.layer<"weak", <mid_rise, [2]>, channel>
// LEAST: #lowbit.layer<"strong", <mid_rise, [2]>, tensor>
// FIXED: #lowbit.layer<"weak", <mid_tread, [7]>, channel>
// FIXED: #lowbit.layer<"strong", <mid_rise, [2]>, tensor>
#map = affine_map<(d0, d1) -> (d0, d1)>
func.func @network(%x: tensor<1x4xf32>) -> tensor<1x8xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, -0.25, 0.3, 1.0], [0.75, 0.5, -0.4, 0.2], [0.1, 0.2, 0.3, 0.4], [-0.5, 0.9, 0.2, 0.7]]> : tensor<4x4xf32>
  %v = arith.constant dense<[[50.0, 25.0, 30.0, 100.0], [75.0, 50.0, 40.0, 20.0], [10.0, 20.0, 30.0, 40.0], [50.0, 90.0, 20.0, 70.0]]> : tensor<4x4xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %y = linalg.matmul {lowbit.layer = #lowbit.layer<"weak", <mid_tread, [7]>, channel>}
      ins(%x, %w : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %z = linalg.matmul {lowbit.layer = #lowbit.layer<"strong", <mid_tread, [7]>, tensor>}
      ins(%x, %v : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %both = tensor.concat dim(1) %y, %z : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
  return %both : tensor<1x8xf32>
}
