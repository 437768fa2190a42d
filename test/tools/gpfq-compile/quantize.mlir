// The whole path: a float network of two inputs and two results, with a dynamic batch, and calibration data give a
// library that computes nearly the same from packed weights.

// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: %python %S/../../Inputs/make_npy.py a.npy 64x4 signed
// RUN: %python %S/../../Inputs/make_npy.py b.npy 64x4
// RUN: gpfq-compile net.mlir --float -o float.o
// RUN: gpfq-compile net.mlir --calibration=a.npy,b.npy --weight-bits=8 --report=report.json -o quantized.o
// RUN: FileCheck net.mlir --check-prefix=REPORT < report.json
// RUN: gpfq-compile net.mlir --calibration=a.npy,b.npy --weight-bits=8 --activation-bits=0 -o weights.o
// RUN: %clang -std=c99 -Wall -Werror -I. -I%S/Inputs main.c float.o quantized.o weights.o -lm -o program && ./program
// RUN: gpfq-compile net.mlir --calibration=a.npy,b.npy --emit=quantized -o - | FileCheck net.mlir --check-prefix=LEVELS
// RUN: gpfq-compile net.mlir --calibration=a.npy,b.npy --emit=quantized --method=msq --step=absmax --quantize-options="bias-correction=false order=natural" -o - | FileCheck net.mlir --check-prefix=MSQ

// RUN: not gpfq-compile net.mlir --calibration=a.npy,b.npy --quantize-options=colour=red -o bad.o 2>&1 | FileCheck net.mlir --check-prefix=OPTIONS

// Nothing is left behind when the quantisation fails.
// RUN: not gpfq-compile net.mlir --calibration=a.npy --report=bad.json -o bad.o 2>&1 | FileCheck net.mlir --check-prefix=FILES
// RUN: not gpfq-compile net.mlir -o bad.o 2>&1 | FileCheck net.mlir --check-prefix=DATA
// RUN: ls | not grep -E "bad|layers|tmp"

//--- net.mlir
// REPORT: "held_out_error": {{[0-9.e-]+}},
// REPORT: "name": "linear_0"
// REPORT: "name": "linear_1"
// REPORT: "model_sha256": "{{[0-9a-f]+}}"
// REPORT: "totals": {
// REPORT: "float_left": []
// REPORT: "float_weight_bytes":
// REPORT: "quantize_seconds":
// LEVELS: lowbit.quantize
// LEVELS: lowbit.dequantize {{.*}} alphabet <mid_tread, [7]> layer "linear_0"
// MSQ: arith.constant dense<{{\[\[}}4, -3, 2], [7, 7, -7], [1, 3, 5], [-4, 4, 4]]> : tensor<4x3xi8>
// FILES: error: has 2 arguments, and 1 calibration files are given
// OPTIONS: error: --quantize-options: not options of the pipeline gpfq-quantize
// DATA: error: quantisation needs data
#map = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%a: tensor<?x4xf32>, %b: tensor<?x4xf32>) -> (tensor<?x3xf32>, tensor<?x2xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, -0.25, 0.125], [0.875, 0.5, -0.4], [0.1, 0.2, 0.3], [-0.5, 0.3, 0.2]]> : tensor<4x3xf32>
  %v = arith.constant dense<[[0.5, 0.9], [-0.75, 0.5], [0.1, -0.2]]> : tensor<3x2xf32>
  %n = tensor.dim %a, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %sum = linalg.add ins(%a, %b : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %e0 = tensor.empty(%n) : tensor<?x3xf32>
  %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?x3xf32>) -> tensor<?x3xf32>
  %y = linalg.matmul ins(%sum, %w : tensor<?x4xf32>, tensor<4x3xf32>) outs(%i0 : tensor<?x3xf32>) -> tensor<?x3xf32>
  %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<?x3xf32>) outs(%e0 : tensor<?x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    %p = arith.cmpf ugt, %in, %zero : f32
    %s = arith.select %p, %in, %zero : f32
    linalg.yield %s : f32
  } -> tensor<?x3xf32>
  %e1 = tensor.empty(%n) : tensor<?x2xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x2xf32>) -> tensor<?x2xf32>
  %z = linalg.matmul ins(%r, %v : tensor<?x3xf32>, tensor<3x2xf32>) outs(%i1 : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %r, %z : tensor<?x3xf32>, tensor<?x2xf32>
}

//--- main.c
#include "float.h"
#include "quantized.h"
#include "run.h"
#include "weights.h"
#include <math.h>

enum { samples = 20 };

int main(void) {
  const gpfq_model_info *models[] = {float_info(), quantized_info(), weights_info()};
  static _Alignas(64) char workspace[1 << 16];
  float a[samples][4], b[samples][4], y[3][samples][3], z[3][samples][2];
  for (int s = 0; s < samples; ++s)
    for (int i = 0; i < 4; ++i) {
      a[s][i] = (s * 37 + i * 11) % 100 * 0.012f - 0.6f;
      b[s][i] = (s * 29 + i * 53) % 100 * 0.006f + 0.2f;
    }
  const void *inputs[] = {a, b};
  for (int m = 0; m < 3; ++m) {
    void *outputs[] = {y[m], z[m]};
    EXPECT(models[m]->workspace_bytes <= sizeof(workspace) && models[m]->check() == NULL);
    EXPECT(models[m]->run(inputs, outputs, samples, workspace) == 0);
  }
  for (int m = 1; m < 3; ++m)
    for (int s = 0; s < samples; ++s) {
      for (int i = 0; i < 3; ++i)
        EXPECT(fabsf(y[m][s][i] - y[0][s][i]) < 0.03f);
      for (int i = 0; i < 2; ++i)
        EXPECT(fabsf(z[m][s][i] - z[0][s][i]) < 0.06f);
    }
  return 0;
}
