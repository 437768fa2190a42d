// RUN: %python %S/../Inputs/make_npy.py %t.npy 4x4x4x2 signed
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy" | FileCheck %s
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy bits=4 range=mse threads=1" | FileCheck %s --check-prefix=FOUR
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy range=percentile percentile=99" | FileCheck %s
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy report=%t.json" -o /dev/null && FileCheck %s --check-prefix=REPORT < %t.json
// A second run finds everything quantised.
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy" --gpfq-quantize-activations="calibration=%t.npy" | FileCheck %s

#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// The pairs are on the argument and on the result of relu, each before its padding; the residual add reads
// the dequantised value too.
// REPORT: "activations": [
// REPORT: "layers": [
// REPORT-NEXT: "first"
// REPORT: "zero_point": {{[1-9]}}
// REPORT: "layers": [
// REPORT-NEXT: "second"
// REPORT: "low": 0
// REPORT: "zero_point": 0
// REPORT: "version": 1

// CHECK-LABEL: func @residual
// CHECK-SAME: %[[X:.*]]: tensor<1x4x4x2xf32>
// CHECK: %[[Q0:.*]] = lowbit.quantize %[[X]], %{{.*}} zero_point {{[0-9]+}} : tensor<1x4x4x2xf32>
// CHECK: %[[D0:.*]] = lowbit.dequantize %[[Q0]]
// CHECK: tensor.pad %[[D0]]
// CHECK: linalg.conv_2d_nhwc_fhwc
// CHECK: %[[RELU:.*]] = linalg.generic
// CHECK: %[[Q1:.*]] = lowbit.quantize %[[RELU]], %{{[^ ]*}} : tensor<1x4x4x2xf32>
// CHECK: %[[D1:.*]] = lowbit.dequantize %[[Q1]], %{{[^ ]*}} : tensor<1x4x4x2xi8>
// CHECK: tensor.pad %[[D1]]
// CHECK: %[[C2:.*]] = linalg.conv_2d_nhwc_fhwc
// CHECK: linalg.add ins(%[[C2]], %[[D1]] :
// CHECK-NOT: lowbit.quantize
// FOUR-COUNT-2: lowbit.quantize {{.*}} max 15
func.func @residual(%x: tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.25> : tensor<2x3x3x2xf32>
  %e = tensor.empty() : tensor<1x4x4x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x2xf32> to tensor<1x6x6x2xf32>
  %y = linalg.conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"first", <mid_tread, [7]>, channel>, dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%p, %w : tensor<1x6x6x2xf32>, tensor<2x3x3x2xf32>) outs(%i : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%y : tensor<1x4x4x2xf32>) outs(%e : tensor<1x4x4x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x2xf32>
  %p2 = tensor.pad %r low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x2xf32> to tensor<1x6x6x2xf32>
  %z = linalg.conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"second", <mid_tread, [7]>, channel>, dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%p2, %w : tensor<1x6x6x2xf32>, tensor<2x3x3x2xf32>) outs(%i : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %s = linalg.add ins(%z, %r : tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>) outs(%e : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  return %s : tensor<1x4x4x2xf32>
}
