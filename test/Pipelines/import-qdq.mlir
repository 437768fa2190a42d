// A network that another tool has quantised, with a dynamic batch, as torch-mlir writes it, becomes integer layers.

// RUN: gpfq-opt %s --gpfq-import-qdq | FileCheck %s
// RUN: gpfq-opt %s --gpfq-import-qdq --lowbit-fuse | FileCheck %s --check-prefix=FUSED

#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d0)>

// CHECK: func.func @net(%{{.*}}: tensor<1x2x4x4xf32>)
// CHECK-SAME: gpfq.dynamic_batch
// CHECK: lowbit.quantize
// CHECK: lowbit.dequantize %{{.*}} axis 0 alphabet <mid_tread, [7]> layer "conv_0" : tensor<3x3x3x2xi8>, tensor<3xf32>
// CHECK: linalg.conv_2d_nhwc_fhwc
// FUSED: lowbit.conv_2d ins(%{{.*}} : tensor<1x4x4x2xi8>, tensor<3x3x3x2xi8>)
// FUSED-SAME: padding_value = 128
// FUSED-NOT: linalg.conv
func.func @net(%x: tensor<?x2x4x4xf32>) -> tensor<?x3x4x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x2x4x4xf32>
  %zero = arith.constant 0.0 : f32
  %s = arith.constant 0.5 : f32
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %codes = arith.constant dense<7> : tensor<3x2x3x3xi8>
  %scales = arith.constant dense<[0.1, 0.2, 0.3]> : tensor<3xf32>
  %eq = tensor.empty(%n) : tensor<?x2x4x4xi8>
  %ed = tensor.empty(%n) : tensor<?x2x4x4xf32>
  %q = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<?x2x4x4xf32>) outs(%eq : tensor<?x2x4x4xi8>) {
  ^bb0(%in: f32, %out: i8):
    %0 = arith.divf %in, %s : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.maximumf %1, %low : f32
    %3 = arith.minimumf %2, %high : f32
    %4 = arith.fptosi %3 : f32 to i8
    linalg.yield %4 : i8
  } -> tensor<?x2x4x4xi8>
  %d = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%q : tensor<?x2x4x4xi8>) outs(%ed : tensor<?x2x4x4xf32>) {
  ^bb0(%in: i8, %out: f32):
    %0 = arith.sitofp %in : i8 to f32
    %1 = arith.mulf %0, %s : f32
    linalg.yield %1 : f32
  } -> tensor<?x2x4x4xf32>
  %ew = tensor.empty() : tensor<3x2x3x3xf32>
  %w = linalg.generic {indexing_maps = [#map, #channel, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%codes, %scales : tensor<3x2x3x3xi8>, tensor<3xf32>) outs(%ew : tensor<3x2x3x3xf32>) {
  ^bb0(%in: i8, %scale: f32, %out: f32):
    %0 = arith.sitofp %in : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<3x2x3x3xf32>
  %p = tensor.pad %d low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%a: index, %b: index, %c: index, %e: index):
    tensor.yield %zero : f32
  } : tensor<?x2x4x4xf32> to tensor<?x2x6x6xf32>
  %e = tensor.empty(%n) : tensor<?x3x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x3x4x4xf32>) -> tensor<?x3x4x4xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%p, %w : tensor<?x2x6x6xf32>, tensor<3x2x3x3xf32>) outs(%i : tensor<?x3x4x4xf32>) -> tensor<?x3x4x4xf32>
  return %y : tensor<?x3x4x4xf32>
}
