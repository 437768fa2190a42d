// The search for levels is the recipe's for up to 16 of them, and anybody's who asks for it.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 128x24
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=4" --gpfq-quantize-weights="calibration=%t.npy" -o %t.few
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=4" --gpfq-quantize-weights="calibration=%t.npy tabu-moves=1500" | cmp - %t.few
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=4" --gpfq-quantize-weights="calibration=%t.npy tabu-moves=0" | not cmp - %t.few
// RUN: rm -rf %t.run
// RUN: %python %S/../Inputs/make_npy.py %t.npy 48x24
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=5" --gpfq-quantize-weights="calibration=%t.npy checkpoint=%t.run" -o %t.many
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=5" --gpfq-quantize-weights="calibration=%t.npy tabu-moves=0" | cmp - %t.many
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=5" --gpfq-quantize-weights="calibration=%t.npy tabu-moves=1500" | not cmp - %t.many
// What the recipe leaves out is not what was asked for: another run.
// RUN: not gpfq-opt %s --gpfq-annotate-layers="weight-bits=5" --gpfq-quantize-weights="calibration=%t.npy tabu-moves=1500 checkpoint=%t.run" 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: belongs to another model, other data or other options
// RUN: not gpfq-opt %s --gpfq-annotate-layers="weight-bits=2" --gpfq-quantize-weights="calibration=%t.npy tabu-moves=some" 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: tabu-moves=some is not a number of at least 0, or auto

func.func @net(%x: tensor<1x24xf32>) -> tensor<1x4xf32> {
  %w = arith.constant dense<[[0.05, 0.63, -0.47, 0.50], [-0.13, -0.13, 0.95, 0.08], [-0.02, 0.36, 0.56, -0.02],
    [0.29, -0.49, -0.18, -0.22], [-0.67, -0.75, -0.81, -0.12], [-0.09, -0.16, 0.03, -0.67],
    [-0.04, 0.12, 0.38, -0.42], [-0.20, -1.01, -0.25, -1.10], [-0.71, 0.55, -1.10, 0.40],
    [0.16, -0.16, 0.23, 0.26], [0.52, -0.12, -0.30, -0.30], [-0.49, -0.02, -0.39, 0.53],
    [-0.93, -0.55, -0.48, -1.05], [0.95, -1.20, -0.14, -0.26], [0.83, -0.99, 0.54, -0.37],
    [-0.08, -0.34, 0.32, -0.57], [-0.04, 0.18, 0.92, -1.20], [0.76, 0.47, -0.24, 0.15],
    [-0.23, 0.82, 0.10, -0.11], [-0.11, -0.10, -0.09, -0.44], [1.03, -0.96, -1.80, -0.06],
    [-0.07, 0.19, -0.10, -0.07], [0.17, 0.48, -0.22, -0.19], [0.97, 0.27, -0.49, 1.16]]> : tensor<24x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x24xf32>, tensor<24x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}
