// RUN: gpfq-opt %s --lowbit-fuse | FileCheck %s

// Other tools write activations of fewer codes with a clip before the quantisation, whose bound is then the largest
// code that the layer reads: 3.0 / 0.0125 + 1 = 241.

#id = affine_map<(d0, d1) -> (d0, d1)>

// CHECK-LABEL: @clipped
// CHECK: lowbit.matmul {{.*}}input_max = 241 : i32
func.func @clipped(%x: tensor<4x64xf32>) -> tensor<4x8xf32> {
  %low = arith.constant -0.0125 : f32
  %high = arith.constant 3.0 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x64xf32>
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.maximumf %in, %low : f32
    %1 = arith.minimumf %0, %high : f32
    linalg.yield %1 : f32
  } -> tensor<4x64xf32>
  %s = arith.constant dense<0.0125> : tensor<1xf32>
  %q = lowbit.quantize %c, %s zero_point 1 : tensor<4x64xf32>, tensor<1xf32> -> tensor<4x64xi8>
  %d = lowbit.dequantize %q, %s zero_point 1 : tensor<4x64xi8>, tensor<1xf32> -> tensor<4x64xf32>
  %l = arith.constant dense<3> : tensor<8x64xi8>
  %ws = arith.constant dense<0.25> : tensor<8xf32>
  %w = lowbit.dequantize %l, %ws axis 0 alphabet <mid_tread, [7]> layer "fc" : tensor<8x64xi8>, tensor<8xf32> -> tensor<8x64xf32>
  %init = tensor.empty() : tensor<4x8xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%init : tensor<4x8xf32>) -> tensor<4x8xf32>
  %r = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%d, %w : tensor<4x64xf32>, tensor<8x64xf32>) outs(%fill : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// Clips before others count, with the bounds of these.
// CHECK-LABEL: @clipped_before_relu
// CHECK: lowbit.matmul {{.*}}input_max = 240 : i32
func.func @clipped_before_relu(%x: tensor<4x64xf32>) -> tensor<4x8xf32> {
  %low = arith.constant -0.0125 : f32
  %high = arith.constant 3.0 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x64xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.maximumf %in, %low : f32
    %1 = arith.minimumf %0, %high : f32
    linalg.yield %1 : f32
  } -> tensor<4x64xf32>
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.cmpf ugt, %in, %zero : f32
    %1 = arith.select %0, %in, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<4x64xf32>
  %s = arith.constant dense<0.0125> : tensor<1xf32>
  %q = lowbit.quantize %c, %s zero_point 0 : tensor<4x64xf32>, tensor<1xf32> -> tensor<4x64xi8>
  %d = lowbit.dequantize %q, %s zero_point 0 : tensor<4x64xi8>, tensor<1xf32> -> tensor<4x64xf32>
  %l = arith.constant dense<3> : tensor<8x64xi8>
  %ws = arith.constant dense<0.25> : tensor<8xf32>
  %w = lowbit.dequantize %l, %ws axis 0 alphabet <mid_tread, [7]> layer "fc" : tensor<8x64xi8>, tensor<8xf32> -> tensor<8x64xf32>
  %init = tensor.empty() : tensor<4x8xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%init : tensor<4x8xf32>) -> tensor<4x8xf32>
  %r = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%d, %w : tensor<4x64xf32>, tensor<8x64xf32>) outs(%fill : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// A lower bound says nothing, and neither does a clip of what the elements are computed from.
// CHECK-LABEL: @relu
// CHECK: lowbit.matmul
// CHECK-NOT: input_max
// CHECK-LABEL: @computed
// CHECK: lowbit.matmul
// CHECK-NOT: input_max
func.func @relu(%x: tensor<4x64xf32>) -> tensor<4x8xf32> {
  %low = arith.constant -0.0125 : f32
  %high = arith.constant 3.0 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x64xf32>
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.cmpf ugt, %in, %zero : f32
    %1 = arith.select %0, %in, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<4x64xf32>
  %s = arith.constant dense<0.0125> : tensor<1xf32>
  %q = lowbit.quantize %c, %s zero_point 0 : tensor<4x64xf32>, tensor<1xf32> -> tensor<4x64xi8>
  %d = lowbit.dequantize %q, %s zero_point 0 : tensor<4x64xi8>, tensor<1xf32> -> tensor<4x64xf32>
  %l = arith.constant dense<3> : tensor<8x64xi8>
  %ws = arith.constant dense<0.25> : tensor<8xf32>
  %w = lowbit.dequantize %l, %ws axis 0 alphabet <mid_tread, [7]> layer "fc" : tensor<8x64xi8>, tensor<8xf32> -> tensor<8x64xf32>
  %init = tensor.empty() : tensor<4x8xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%init : tensor<4x8xf32>) -> tensor<4x8xf32>
  %r = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%d, %w : tensor<4x64xf32>, tensor<8x64xf32>) outs(%fill : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

func.func @computed(%x: tensor<4x64xf32>) -> tensor<4x8xf32> {
  %low = arith.constant -0.0125 : f32
  %high = arith.constant 3.0 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x64xf32>
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.minimumf %in, %high : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4x64xf32>
  %s = arith.constant dense<0.0125> : tensor<1xf32>
  %q = lowbit.quantize %c, %s zero_point 0 : tensor<4x64xf32>, tensor<1xf32> -> tensor<4x64xi8>
  %d = lowbit.dequantize %q, %s zero_point 0 : tensor<4x64xi8>, tensor<1xf32> -> tensor<4x64xf32>
  %l = arith.constant dense<3> : tensor<8x64xi8>
  %ws = arith.constant dense<0.25> : tensor<8xf32>
  %w = lowbit.dequantize %l, %ws axis 0 alphabet <mid_tread, [7]> layer "fc" : tensor<8x64xi8>, tensor<8xf32> -> tensor<8x64xf32>
  %init = tensor.empty() : tensor<4x8xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%init : tensor<4x8xf32>) -> tensor<4x8xf32>
  %r = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%d, %w : tensor<4x64xf32>, tensor<8x64xf32>) outs(%fill : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}
