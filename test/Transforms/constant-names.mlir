// RUN: gpfq-opt %s --gpfq-fold-batch-norm --gpfq-channels-last --gpfq-annotate-layers | FileCheck %s

// The layer is named after its weight, however small that is and however often it is rewritten; the copies are
// numbered once.
// CHECK-LABEL: func.func @named(
// CHECK: arith.constant dense_resource<stem.weight_{{[0-9]+}}> : tensor<2x1x1x1xf32>
// CHECK: linalg.conv_2d_nhwc_fhwc {{.*}}lowbit.layer = #lowbit.layer<"stem",
func.func @named(%x: tensor<1x1x2x2xf32>) -> tensor<1x2x2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %w = arith.constant dense_resource<stem.weight> : tensor<2x1x1x1xf32>
  %e = tensor.empty() : tensor<1x2x2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%x, %w : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>) outs(%i : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%y : tensor<1x2x2x2xf32>) outs(%e : tensor<1x2x2x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.mulf %in, %two : f32
    linalg.yield %m : f32
  } -> tensor<1x2x2x2xf32>
  return %0 : tensor<1x2x2x2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      stem.weight: "0x040000000000803F00000040"
    }
  }
#-}
