// RUN: gpfq-opt %s --lowbit-to-linalg | %run-main > %t.level2
// RUN: gpfq-opt %s --lowbit-fuse --lowbit-to-linalg | %run-main > %t.level3
// RUN: %python %S/Inputs/compare-codes.py %t.level2 %t.level3 --tolerance=1
// RUN: gpfq-opt %s --lowbit-fuse | FileCheck %s

// A depthwise convolution with hard-swish, a grouped convolution with a gate of one number for each sample and channel.
// CHECK-LABEL: func @net
// CHECK: lowbit.depthwise_conv_2d
// CHECK-SAME: layer = "w1"
// CHECK: lowbit.conv_2d ins(%{{.*}}, %{{.*}} : tensor<2x6x6x8xi8>, tensor<6x3x3x4xi8>) fused({{.*}}tensor<2x1x1x6xf32>
// CHECK-SAME: groups = 2 : i64, layer = "w2", padding = array<i64: 1, 1, 1, 1>, padding_value = 6 : i32
// CHECK-NOT: linalg.
// CHECK: return
func.func @net(%x: tensor<2x6x6x8xf32>) -> tensor<2x6x6x6xi8> {
  %zero = arith.constant 0.0 : f32
  %three = arith.constant 3.0 : f32
  %six = arith.constant 6.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %xq_s = arith.constant dense<0.035> : tensor<1xf32>
  %xq_q = lowbit.quantize %x, %xq_s zero_point 120 : tensor<2x6x6x8xf32>, tensor<1xf32> -> tensor<2x6x6x8xi8>
  %xq = lowbit.dequantize %xq_q, %xq_s zero_point 120 : tensor<2x6x6x8xi8>, tensor<1xf32> -> tensor<2x6x6x8xf32>
  %p1 = tensor.pad %xq low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%p10: index, %p11: index, %p12: index, %p13: index):
    tensor.yield %zero : f32
  } : tensor<2x6x6x8xf32> to tensor<2x8x8x8xf32>
  %l1 = arith.constant dense<"0x0002FE0503060206FF0603FAFDFE04FFFE0607FFFCFCFCF901FD0204FDF901FB02FD050003FEFF0601FCFA010504F906030607FBF904070305FF06F9FAFBFD04FDFA06FD06FC0304"> : tensor<3x3x8xi8>
  %s1 = arith.constant dense<[0.1039, 0.0631, 0.1056, 0.0990, 0.1576, 0.0980, 0.1540, 0.1308]> : tensor<8xf32>
  %b1 = arith.constant dense<[0.7755, 0.4667, -0.1842, -0.0302, -0.0572, 0.7434, -0.7239, -0.1515]> : tensor<8xf32>
  %w1 = lowbit.dequantize %l1, %s1 axis 2 alphabet <mid_tread, [7]> layer "w1" : tensor<3x3x8xi8>, tensor<8xf32> -> tensor<3x3x8xf32>
  %i1_e = tensor.empty() : tensor<2x6x6x8xf32>
  %i1 = linalg.broadcast ins(%b1 : tensor<8xf32>) outs(%i1_e : tensor<2x6x6x8xf32>) dimensions = [0, 1, 2]
  %y1 = linalg.depthwise_conv_2d_nhwc_hwc {dilations = dense<[1, 1]> : vector<2xi64>, strides = dense<[1, 1]> : vector<2xi64>} ins(%p1, %w1 : tensor<2x8x8x8xf32>, tensor<3x3x8xf32>) outs(%i1 : tensor<2x6x6x8xf32>) -> tensor<2x6x6x8xf32>
  %h0_e = tensor.empty() : tensor<2x6x6x8xf32>
  %h0 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y1 : tensor<2x6x6x8xf32>) outs(%h0_e : tensor<2x6x6x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.addf %a, %three : f32
    linalg.yield %0 : f32
  } -> tensor<2x6x6x8xf32>
  %h1_e = tensor.empty() : tensor<2x6x6x8xf32>
  %h1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%h0 : tensor<2x6x6x8xf32>) outs(%h1_e : tensor<2x6x6x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.cmpf ult, %a, %zero : f32
    %1 = arith.select %0, %zero, %a : f32
    %2 = arith.cmpf ugt, %1, %six : f32
    %3 = arith.select %2, %six, %1 : f32
    linalg.yield %3 : f32
  } -> tensor<2x6x6x8xf32>
  %h2_e = tensor.empty() : tensor<2x6x6x8xf32>
  %h2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y1, %h1 : tensor<2x6x6x8xf32>, tensor<2x6x6x8xf32>) outs(%h2_e : tensor<2x6x6x8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<2x6x6x8xf32>
  %h3_e = tensor.empty() : tensor<2x6x6x8xf32>
  %h3 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%h2 : tensor<2x6x6x8xf32>) outs(%h3_e : tensor<2x6x6x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.divf %a, %six : f32
    linalg.yield %0 : f32
  } -> tensor<2x6x6x8xf32>
  %a1_s = arith.constant dense<0.06> : tensor<1xf32>
  %a1_q = lowbit.quantize %h3, %a1_s zero_point 6 : tensor<2x6x6x8xf32>, tensor<1xf32> -> tensor<2x6x6x8xi8>
  %a1 = lowbit.dequantize %a1_q, %a1_s zero_point 6 : tensor<2x6x6x8xi8>, tensor<1xf32> -> tensor<2x6x6x8xf32>
  %e = tensor.expand_shape %a1 [[0], [1], [2], [3, 4]] output_shape [2, 6, 6, 2, 4] : tensor<2x6x6x8xf32> into tensor<2x6x6x2x4xf32>
  %pe = tensor.pad %e low[0, 1, 1, 0, 0] high[0, 1, 1, 0, 0] {
  ^bb0(%pe0: index, %pe1: index, %pe2: index, %pe3: index, %pe4: index):
    tensor.yield %zero : f32
  } : tensor<2x6x6x2x4xf32> to tensor<2x8x8x2x4xf32>
  %l2 = arith.constant dense<"0xFA01FCFFFA010200FCFF0503F9FD0202F903FAFA03FD0307FD07010704F9FE0504070506F903FC0305030601FF04FC0007FC03FA0706010401FBFF05FDFD0402FFFE05FCFEFBFDFAFDFA01FAF9FAFB050300FEFA000000010100FAFCFAFF0106FFFE0700FE0602FC0503FB000104FFFE010101FEFC050606FA02FD0702030205FC06FEFDFE07FBFE0500FBFB070504FEF90305FCFAFEFCFEFFFC07F90304FF0707FCFBFBFAFEFCFA010205FEFD0100060005FA06FF07FA010100FCF9FBFA0100FF05FEFFF9F907FCFB0405FB01FB01FDFD020605F9FC0601"> : tensor<6x3x3x4xi8>
  %s2 = arith.constant dense<[0.0765, 0.0722, 0.0790, 0.0907, 0.0609, 0.0749]> : tensor<6xf32>
  %w2 = lowbit.dequantize %l2, %s2 axis 0 alphabet <mid_tread, [7]> layer "w2" : tensor<6x3x3x4xi8>, tensor<6xf32> -> tensor<6x3x3x4xf32>
  %w2e = tensor.expand_shape %w2 [[0, 1], [2], [3], [4]] output_shape [2, 3, 3, 3, 4] : tensor<6x3x3x4xf32> into tensor<2x3x3x3x4xf32>
  %b2 = arith.constant dense<[-1.6083, 0.0530, 1.1640, 1.9942, -0.0972, -0.8136]> : tensor<6xf32>
  %i2_e = tensor.empty() : tensor<2x6x6x6xf32>
  %i2 = linalg.broadcast ins(%b2 : tensor<6xf32>) outs(%i2_e : tensor<2x6x6x6xf32>) dimensions = [0, 1, 2]
  %i2e = tensor.expand_shape %i2 [[0], [1], [2], [3, 4]] output_shape [2, 6, 6, 2, 3] : tensor<2x6x6x6xf32> into tensor<2x6x6x2x3xf32>
  %y2e = linalg.conv_2d_nhwgc_gfhwc {dilations = dense<[1, 1]> : vector<2xi64>, strides = dense<[1, 1]> : vector<2xi64>} ins(%pe, %w2e : tensor<2x8x8x2x4xf32>, tensor<2x3x3x3x4xf32>) outs(%i2e : tensor<2x6x6x2x3xf32>) -> tensor<2x6x6x2x3xf32>
  %y2 = tensor.collapse_shape %y2e [[0], [1], [2], [3, 4]] : tensor<2x6x6x2x3xf32> into tensor<2x6x6x6xf32>
  %gate = tensor.extract_slice %x[0, 0, 0, 0] [2, 1, 1, 6] [1, 1, 1, 1] : tensor<2x6x6x8xf32> to tensor<2x6xf32>
  %g2_e = tensor.empty() : tensor<2x6x6x6xf32>
  %g2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y2, %gate : tensor<2x6x6x6xf32>, tensor<2x6xf32>) outs(%g2_e : tensor<2x6x6x6xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<2x6x6x6xf32>
  %a2_s = arith.constant dense<0.25> : tensor<1xf32>
  %a2_q = lowbit.quantize %g2, %a2_s zero_point 128 : tensor<2x6x6x6xf32>, tensor<1xf32> -> tensor<2x6x6x6xi8>
  %a2 = lowbit.dequantize %a2_q, %a2_s zero_point 128 : tensor<2x6x6x6xi8>, tensor<1xf32> -> tensor<2x6x6x6xf32>
  return %a2_q : tensor<2x6x6x6xi8>
}

// Prints the codes for an input of pseudo-random numbers in -4..4.
func.func @main() {
  %empty = tensor.empty() : tensor<2x6x6x8xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%empty : tensor<2x6x6x8xf32>) {
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
  } -> tensor<2x6x6x8xf32>
  %codes = func.call @net(%x) : (tensor<2x6x6x8xf32>) -> tensor<2x6x6x6xi8>
  %result = tensor.empty() : tensor<2x6x6x6xi32>
  %wide = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%codes : tensor<2x6x6x6xi8>) outs(%result : tensor<2x6x6x6xi32>) {
  ^bb0(%in: i8, %out: i32):
    %extended = arith.extui %in : i8 to i32
    linalg.yield %extended : i32
  } -> tensor<2x6x6x6xi32>
  %unranked = tensor.cast %wide : tensor<2x6x6x6xi32> to tensor<*xi32>
  call @printMemrefI32(%unranked) : (tensor<*xi32>) -> ()
  return
}
func.func private @printMemrefI32(tensor<*xi32>) attributes {llvm.emit_c_interface}
