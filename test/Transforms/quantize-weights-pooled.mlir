// Where only the mean over the positions of an image is used of the outputs behind a ReLU, the error of the means is
// what is fitted: for a sum over the positions, and for a pooling whose window is the image. Such layers read whole
// images, whatever max-rows says.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 64x4x4x4
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy max-rows=64 pool-rounds=2 report=%t.json" -o /dev/null
// RUN: FileCheck %s < %t.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy max-rows=64 report=%t.none.json" -o /dev/null
// RUN: FileCheck %s --check-prefix=NONE < %t.none.json
// With an accumulator bound they have clip-rounds.
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy max-rows=64 pool-rounds=2 accumulator-bits=16 report=%t.bound.json" -o /dev/null
// RUN: FileCheck %s --check-prefix=NONE < %t.bound.json

// Their moments are of whole images, so a cache keeps these for a run with as many.
// RUN: rm -rf %t.cache
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy max-rows=64 cache=%t.cache" -o %t.none.mlir
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy max-rows=64 pool-rounds=2 cache=%t.cache report=%t.cached.json" -o %t.first.mlir
// RUN: FileCheck %s --check-prefix=CACHED < %t.cached.json
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy max-rows=64 pool-rounds=2 cache=%t.cache" | diff - %t.first.mlir
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy max-rows=64 pool-rounds=2" | diff - %t.first.mlir
// RUN: gpfq-opt %s --gpfq-annotate-layers=weight-bits=2 --gpfq-quantize-weights="calibration=%t.npy max-rows=64" | diff - %t.none.mlir

// CACHED: "cached": false
// CACHED: "name": "conv_0"
// CACHED: "cached": false
// CACHED: "name": "conv_1"
// CACHED: "cached": true
// CACHED: "name": "conv_2"

// CHECK: "clipped_error": null
// CHECK: "name": "conv_0",
// CHECK: "pooled_error": {{[0-9]}}
// CHECK: "clipped_error": null
// CHECK: "name": "conv_1",
// CHECK: "pooled_error": {{[0-9]}}
// The result itself is used.
// CHECK: "clipped_error": {{[0-9]}}
// CHECK: "name": "conv_2",
// CHECK: "pooled_error": null
// Of part of the image.
// CHECK: "clipped_error": {{[0-9]}}
// CHECK: "name": "conv_3",
// CHECK: "pooled_error": null
// NONE-COUNT-4: "clipped_error": {{[0-9]}}
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#image = affine_map<(d0, d1, d2, d3) -> (d0, d3)>
#row = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
func.func @net(%x: tensor<1x4x4x4xf32>)
    -> (tensor<1x4xf32>, tensor<1x1x1x4xf32>, tensor<1x4x4x4xf32>, tensor<1x4x4xf32>) {
  %w0 = arith.constant dense<[[[[0.7, -0.2, 0.3, 0.1]]], [[[0.1, 0.5, -0.4, 0.6]]], [[[-0.6, 0.3, 0.2, -0.1]]], [[[0.2, 0.4, 0.1, 0.5]]]]> : tensor<4x1x1x4xf32>
  %w1 = arith.constant dense<[[[[0.3, -0.5, 0.2, 0.4]]], [[[-0.1, 0.2, 0.6, -0.3]]], [[[0.5, 0.1, -0.2, 0.2]]], [[[0.4, -0.6, 0.3, 0.1]]]]> : tensor<4x1x1x4xf32>
  %w2 = arith.constant dense<[[[[0.2, 0.5, -0.3, 0.1]]], [[[-0.4, 0.3, 0.6, 0.2]]], [[[0.1, 0.7, -0.2, 0.3]]], [[[0.6, -0.1, 0.4, 0.5]]]]> : tensor<4x1x1x4xf32>
  %w3 = arith.constant dense<[[[[0.6, 0.1, -0.5, 0.2]]], [[[-0.2, 0.4, 0.3, 0.7]]], [[[0.3, 0.2, -0.6, 0.1]]], [[[0.5, -0.3, 0.2, 0.4]]]]> : tensor<4x1x1x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>

  %y0 = linalg.conv_2d_nhwc_fhwc ins(%x, %w0 : tensor<1x4x4x4xf32>, tensor<4x1x1x4xf32>) outs(%i : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %r0 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y0 : tensor<1x4x4x4xf32>) outs(%e : tensor<1x4x4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x4xf32>
  %e0 = tensor.empty() : tensor<1x4xf32>
  %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x4xf32>) -> tensor<1x4xf32>
  %s0 = linalg.generic {indexing_maps = [#map, #image], iterator_types = ["parallel", "reduction", "reduction", "parallel"]} ins(%r0 : tensor<1x4x4x4xf32>) outs(%i0 : tensor<1x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<1x4xf32>

  %y1 = linalg.conv_2d_nhwc_fhwc ins(%x, %w1 : tensor<1x4x4x4xf32>, tensor<4x1x1x4xf32>) outs(%i : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %r1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y1 : tensor<1x4x4x4xf32>) outs(%e : tensor<1x4x4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x4xf32>
  %e1 = tensor.empty() : tensor<1x1x1x4xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x1x1x4xf32>) -> tensor<1x1x1x4xf32>
  %window = tensor.empty() : tensor<4x4xf32>
  %s1 = linalg.pooling_nhwc_sum ins(%r1, %window : tensor<1x4x4x4xf32>, tensor<4x4xf32>) outs(%i1 : tensor<1x1x1x4xf32>) -> tensor<1x1x1x4xf32>

  %y2 = linalg.conv_2d_nhwc_fhwc ins(%x, %w2 : tensor<1x4x4x4xf32>, tensor<4x1x1x4xf32>) outs(%i : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %r2 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y2 : tensor<1x4x4x4xf32>) outs(%e : tensor<1x4x4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x4xf32>

  %y3 = linalg.conv_2d_nhwc_fhwc ins(%x, %w3 : tensor<1x4x4x4xf32>, tensor<4x1x1x4xf32>) outs(%i : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %r3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y3 : tensor<1x4x4x4xf32>) outs(%e : tensor<1x4x4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x4xf32>
  %e3 = tensor.empty() : tensor<1x4x4xf32>
  %i3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  %s3 = linalg.generic {indexing_maps = [#map, #row], iterator_types = ["parallel", "parallel", "reduction", "parallel"]} ins(%r3 : tensor<1x4x4x4xf32>) outs(%i3 : tensor<1x4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<1x4x4xf32>
  return %s0, %s1, %r2, %s3 : tensor<1x4xf32>, tensor<1x1x1x4xf32>, tensor<1x4x4x4xf32>, tensor<1x4x4xf32>
}
