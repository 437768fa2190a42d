// Levels, scales and bias changes as safetensors, and progress for programs.

// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/../../Inputs/make_npy.py a.npy 64x4 signed
// RUN: gpfq-compile %s --calibration=a.npy --weight-bits=3 --emit=quantized -o net.mlir --report=report.json --export-weights=net.safetensors --progress=json 2> progress
// RUN: %python %S/Inputs/print-safetensors.py net.safetensors | FileCheck %s
// RUN: FileCheck %s --check-prefix=LEVELS < net.mlir
// RUN: FileCheck %s --check-prefix=PROGRESS < progress
// RUN: FileCheck %s --check-prefix=REPORT < report.json
// RUN: gpfq-compile %s --calibration=a.npy --progress=none -o net.o 2>&1 | FileCheck %s --allow-empty --check-prefix=SILENT

// RUN: not gpfq-compile %s --float --export-weights=bad.safetensors -o bad.o 2>&1 | FileCheck %s --check-prefix=FLOAT
// RUN: not gpfq-compile %s --calibration=a.npy --export-weights=. -o bad.o 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: ls | not grep -E "bad|tmp"

// CHECK: format gpfq version 1
// CHECK: linear_0 {{.*}}mid_rise:4{{.*}} bits 3 {{.*}}input {'max': 255, 'scale': 0.{{[0-9]+}}, 'sign': False, 'zero_point': {{[0-9]+}}}
// CHECK: linear_0.bias_delta F32 [3]
// CHECK: linear_0.levels I8 [3, 4] [{{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}, {{-?[0-9]+}}]
// CHECK: linear_0.scales F32 [3]
// LEVELS: tensor<4x3xi8>
// PROGRESS: {"done":0,"progress":"calibrating activations","total":64,"unit":"samples"}
// PROGRESS: {"done":64,"progress":"calibrating activations","total":64,"unit":"samples"}
// PROGRESS: {"done":0,"progress":"quantising","total":1,"unit":"layers"}
// PROGRESS: {"done":1,"progress":"quantising","total":1,"unit":"layers"}
// PROGRESS: {"progress":"lowering"}
// REPORT: "level_counts": {
// REPORT: "weight_histogram": {
// SILENT-NOT: progress
// FLOAT: error: --export-weights writes what a quantisation finds: give --calibration=FILE
// FOLDER: error: cannot write '.': it is a directory

func.func @main(%x: tensor<1x4xf32>) -> tensor<1x3xf32> {
  %w = arith.constant dense<[[0.5, -0.25, 0.125], [0.875, 0.5, -0.4], [0.1, 0.2, 0.3], [-0.5, 0.3, 0.2]]> : tensor<4x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%i : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}
