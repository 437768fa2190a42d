// A scale for each output channel and block of input channels.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 64x4
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=3 granularity=block block-size=2" --gpfq-quantize-weights="calibration=%t.npy report=%t.json" -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: gpfq-opt %t.mlir --lowbit-fuse | FileCheck %s --check-prefix=FUSED
// Both small layers again with blocks of the size of all channels: one scale for each output channel.
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=3 granularity=block block-size=4" --gpfq-quantize-weights="calibration=%t.npy" -o %t.one
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=3" --gpfq-quantize-weights="calibration=%t.npy" | diff - %t.one

// CHECK: lowbit.dequantize %{{.*}}, %{{.*}} axis 1 block_axis 0 alphabet <mid_rise, [4]> layer "linear_0" : tensor<4x4xi8>, tensor<4x2xf32> -> tensor<4x4xf32>
// CHECK: lowbit.dequantize %{{.*}}, %{{.*}} axis 1 block_axis 0 alphabet <mid_rise, [4]> layer "linear_1" : tensor<4x4xi8>, tensor<4x2xf32> -> tensor<4x4xf32>
// FUSED-COUNT-4: lowbit.matmul
// FUSED-NOT: lowbit.matmul
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
