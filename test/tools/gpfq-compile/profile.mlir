// A library that counts the ticks of its layers.

// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/../../Inputs/make_npy.py calib.npy 32x4
// RUN: gpfq-compile %s --calibration=calib.npy --profile -o libnet.so --report=report.json
// RUN: %clang -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c libnet.h
// RUN: FileCheck %s --check-prefix=HEADER < libnet.h
// RUN: FileCheck %s --check-prefix=REPORT < report.json
// RUN: gpfq-compile %s --calibration=calib.npy -o libplain.so
// RUN: not grep profile libplain.h

// HEADER: int32_t net_profile(const char *const **layers, uint64_t **ticks, uint64_t *now);
// REPORT: "compiled_layers": [
// REPORT: "arithmetic": "integer"
// REPORT-NEXT: "multiply_adds": 8,
// REPORT-NEXT: "name": "linear_0"
// REPORT-NEXT: "weight_bytes": {{[0-9]+}}
func.func @net(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<[[0.7, -0.2], [0.1, 0.5], [-0.6, 0.3], [0.2, 0.4]]> : tensor<4x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x4xf32>, tensor<4x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
