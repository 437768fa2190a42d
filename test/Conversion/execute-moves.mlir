// RUN: gpfq-opt %s --lowbit-to-linalg | %run-main > %t.level2
// RUN: gpfq-opt %s --lowbit-fuse --lowbit-to-linalg | %run-main > %t.level3
// RUN: %python %S/Inputs/compare-codes.py %t.level2 %t.level3 --tolerance=1
// RUN: gpfq-opt %s --lowbit-fuse | FileCheck %s

// quantize moves up through a max pool, its pad and a concatenation; dequantize moves down through another max pool, a
// slice and a pad, and meets an equal quantize. Codes are all that is live.
// CHECK-LABEL: func @net
// CHECK: %[[Q:.*]] = lowbit.quantize
// CHECK-NOT: quantize
// CHECK: %[[A:.*]] = lowbit.conv_2d ins(%[[Q]],
// CHECK: %[[B:.*]] = lowbit.conv_2d ins(%[[Q]],
// CHECK: tensor.concat dim(3) %[[A]], %[[B]]
// CHECK: tensor.pad
// CHECK: linalg.pooling_nhwc_max_unsigned
// CHECK: tensor.pad
// CHECK: linalg.pooling_nhwc_max_unsigned
// CHECK: tensor.extract_slice
// CHECK: tensor.pad
// CHECK: return
func.func @net(%x: tensor<1x8x8x4xf32>) -> tensor<1x2x2x12xi8> {
  %zero = arith.constant 0.0 : f32
  %three = arith.constant 3.0 : f32
  %six = arith.constant 6.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %xq_s = arith.constant dense<0.035> : tensor<1xf32>
  %xq_q = lowbit.quantize %x, %xq_s zero_point 100 : tensor<1x8x8x4xf32>, tensor<1xf32> -> tensor<1x8x8x4xi8>
  %xq = lowbit.dequantize %xq_q, %xq_s zero_point 100 : tensor<1x8x8x4xi8>, tensor<1xf32> -> tensor<1x8x8x4xf32>
  %l1 = arith.constant dense<"0x05FA03F9FEF9FFFCFD0102FFFAFC01FD"> : tensor<4x1x1x4xi8>
  %s1 = arith.constant dense<[0.0731, 0.0899, 0.0828, 0.0520]> : tensor<4xf32>
  %w1 = lowbit.dequantize %l1, %s1 axis 0 alphabet <mid_tread, [7]> layer "w1" : tensor<4x1x1x4xi8>, tensor<4xf32> -> tensor<4x1x1x4xf32>
  %i1_e = tensor.empty() : tensor<1x8x8x4xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%i1_e : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  %y1 = linalg.conv_2d_nhwc_fhwc {dilations = dense<[1, 1]> : vector<2xi64>, strides = dense<[1, 1]> : vector<2xi64>} ins(%xq, %w1 : tensor<1x8x8x4xf32>, tensor<4x1x1x4xf32>) outs(%i1 : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  %r1_e = tensor.empty() : tensor<1x8x8x4xf32>
  %r1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y1 : tensor<1x8x8x4xf32>) outs(%r1_e : tensor<1x8x8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.cmpf ugt, %a, %zero : f32
    %1 = arith.select %0, %a, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<1x8x8x4xf32>
  %l2 = arith.constant dense<"0x0000FBFBFE05FA0600010704FD030305"> : tensor<4x1x1x4xi8>
  %s2 = arith.constant dense<[0.0639, 0.0615, 0.0873, 0.0980]> : tensor<4xf32>
  %w2 = lowbit.dequantize %l2, %s2 axis 0 alphabet <mid_tread, [7]> layer "w2" : tensor<4x1x1x4xi8>, tensor<4xf32> -> tensor<4x1x1x4xf32>
  %i2_e = tensor.empty() : tensor<1x8x8x4xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%i2_e : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  %y2 = linalg.conv_2d_nhwc_fhwc {dilations = dense<[1, 1]> : vector<2xi64>, strides = dense<[1, 1]> : vector<2xi64>} ins(%xq, %w2 : tensor<1x8x8x4xf32>, tensor<4x1x1x4xf32>) outs(%i2 : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  %cat = tensor.concat dim(3) %r1, %y2 : (tensor<1x8x8x4xf32>, tensor<1x8x8x4xf32>) -> tensor<1x8x8x8xf32>
  %pp = tensor.pad %cat low[0, 1, 1, 0] high[0, 0, 0, 0] {
  ^bb0(%pp0: index, %pp1: index, %pp2: index, %pp3: index):
    tensor.yield %lowest : f32
  } : tensor<1x8x8x8xf32> to tensor<1x9x9x8xf32>
  %win = tensor.empty() : tensor<3x3xf32>
  %pi_e = tensor.empty() : tensor<1x4x4x8xf32>
  %pi = linalg.fill ins(%lowest : f32) outs(%pi_e : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %pool = linalg.pooling_nhwc_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%pp, %win : tensor<1x9x9x8xf32>, tensor<3x3xf32>) outs(%pi : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %a1_s = arith.constant dense<0.05> : tensor<1xf32>
  %a1_q = lowbit.quantize %pool, %a1_s zero_point 50 : tensor<1x4x4x8xf32>, tensor<1xf32> -> tensor<1x4x4x8xi8>
  %a1 = lowbit.dequantize %a1_q, %a1_s zero_point 50 : tensor<1x4x4x8xi8>, tensor<1xf32> -> tensor<1x4x4x8xf32>
  %pq = tensor.pad %a1 low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%pq0: index, %pq1: index, %pq2: index, %pq3: index):
    tensor.yield %lowest : f32
  } : tensor<1x4x4x8xf32> to tensor<1x6x6x8xf32>
  %pj_e = tensor.empty() : tensor<1x4x4x8xf32>
  %pj = linalg.fill ins(%lowest : f32) outs(%pj_e : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %pool2 = linalg.pooling_nhwc_max {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%pq, %win : tensor<1x6x6x8xf32>, tensor<3x3xf32>) outs(%pj : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %half = tensor.extract_slice %pool2[0, 0, 0, 0] [1, 2, 2, 8] [1, 2, 2, 1] : tensor<1x4x4x8xf32> to tensor<1x2x2x8xf32>
  %wide = tensor.pad %half low[0, 0, 0, 2] high[0, 0, 0, 2] {
  ^bb0(%wide0: index, %wide1: index, %wide2: index, %wide3: index):
    tensor.yield %zero : f32
  } : tensor<1x2x2x8xf32> to tensor<1x2x2x12xf32>
  %a2_s = arith.constant dense<0.05> : tensor<1xf32>
  %a2_q = lowbit.quantize %wide, %a2_s zero_point 50 : tensor<1x2x2x12xf32>, tensor<1xf32> -> tensor<1x2x2x12xi8>
  %a2 = lowbit.dequantize %a2_q, %a2_s zero_point 50 : tensor<1x2x2x12xi8>, tensor<1xf32> -> tensor<1x2x2x12xf32>
  return %a2_q : tensor<1x2x2x12xi8>
}

// Prints the codes for an input of pseudo-random numbers in -4..4.
func.func @main() {
  %empty = tensor.empty() : tensor<1x8x8x4xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%empty : tensor<1x8x8x4xf32>) {
  ^bb0(%out: f32):
    %d0 = linalg.index 0 : index
    %d1 = linalg.index 1 : index
    %d2 = linalg.index 2 : index
    %d3 = linalg.index 3 : index
    %k0 = arith.constant 1009 : index
    %m0 = arith.muli %d0, %k0 : index
    %k1 = arith.constant 631 : index
    %m1 = arith.muli %d1, %k1 : index
    %k2 = arith.constant 173 : index
    %m2 = arith.muli %d2, %k2 : index
    %k3 = arith.constant 97 : index
    %m3 = arith.muli %d3, %k3 : index
    %t1 = arith.addi %m0, %m1 : index
    %t2 = arith.addi %t1, %m2 : index
    %t3 = arith.addi %t2, %m3 : index
    %square = arith.muli %t3, %t3 : index
    %modulus = arith.constant 251 : index
    %residue = arith.remui %square, %modulus : index
    %bits = arith.index_cast %residue : index to i32
    %float = arith.sitofp %bits : i32 to f32
    %scale = arith.constant 0.032 : f32
    %offset = arith.constant -4.0 : f32
    %scaled = arith.mulf %float, %scale : f32
    %sum = arith.addf %scaled, %offset : f32
    linalg.yield %sum : f32
  } -> tensor<1x8x8x4xf32>
  %codes = func.call @net(%x) : (tensor<1x8x8x4xf32>) -> tensor<1x2x2x12xi8>
  %result = tensor.empty() : tensor<1x2x2x12xi32>
  %wide = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%codes : tensor<1x2x2x12xi8>) outs(%result : tensor<1x2x2x12xi32>) {
  ^bb0(%in: i8, %out: i32):
    %extended = arith.extui %in : i8 to i32
    linalg.yield %extended : i32
  } -> tensor<1x2x2x12xi32>
  %unranked = tensor.cast %wide : tensor<1x2x2x12xi32> to tensor<*xi32>
  call @printMemrefI32(%unranked) : (tensor<*xi32>) -> ()
  return
}
func.func private @printMemrefI32(tensor<*xi32>) attributes {llvm.emit_c_interface}
