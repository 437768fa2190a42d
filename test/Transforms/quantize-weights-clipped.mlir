// A ReLU behind a layer is part of what is fitted, also where a shortcut is added in between, whether or not the
// target of the weights contains the error of the shortcut.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 64x4
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy report=%t.json" -o /dev/null
// RUN: FileCheck %s < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy residual-targets=false report=%t.residual.json" -o /dev/null
// RUN: FileCheck %s < %t.residual.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy clip-rounds=0 report=%t.none.json" -o /dev/null
// RUN: FileCheck %s --check-prefix=NONE < %t.none.json

// CHECK: "clipped_error": {{[0-9]}}
// CHECK: "name": "linear_0",
// CHECK: "clipped_error": {{[0-9]}}
// CHECK: "name": "linear_1",
// NONE-COUNT-2: "clipped_error": null
#map = affine_map<(d0, d1) -> (d0, d1)>
func.func @net(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %w0 = arith.constant dense<[[0.7, -0.2, 0.3, 0.1], [0.1, 0.5, -0.4, 0.6], [-0.6, 0.3, 0.2, -0.1], [0.2, 0.4, 0.1, 0.5]]> : tensor<4x4xf32>
  %w1 = arith.constant dense<[[0.3, -0.5, 0.2, 0.4], [-0.1, 0.2, 0.6, -0.3], [0.5, 0.1, -0.2, 0.2], [0.4, -0.6, 0.3, 0.1]]> : tensor<4x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %y0 = linalg.matmul ins(%x, %w0 : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%y0 : tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4xf32>
  %y1 = linalg.matmul ins(%r, %w1 : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %s = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%y1, %r : tensor<1x4xf32>, tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.addf %a, %b : f32
    %m = arith.maximumf %t, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4xf32>
  return %s : tensor<1x4xf32>
}
