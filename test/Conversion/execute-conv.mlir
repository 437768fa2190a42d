// RUN: gpfq-opt %s --lowbit-to-linalg | %run-main > %t.level2
// RUN: gpfq-opt %s --lowbit-fuse --lowbit-to-linalg | %run-main > %t.level3
// RUN: %python %S/Inputs/compare-codes.py %t.level2 %t.level3 --tolerance=1
// RUN: gpfq-opt %s --lowbit-fuse | FileCheck %s

// Asymmetric padding of a code that is not zero, ReLU6, a dilated HWCF convolution with batch norm behind it, and a
// residual addition.
// CHECK-LABEL: func @net
// CHECK: lowbit.quantize
// CHECK-NOT: linalg.
// CHECK: lowbit.conv_2d
// CHECK-SAME: outs(%{{.*}} : tensor<1x5x5x8xi8>)
// CHECK-SAME: layer = "w1", padding = array<i64: 1, 2, 0, 1>, padding_value = 97 : i32, strides = array<i64: 2, 2>
// CHECK-NOT: arith.divf
// CHECK-NOT: linalg.
// CHECK: lowbit.conv_2d
// CHECK-SAME: dilations = array<i64: 2, 2>, layer = "w2", padding = array<i64: 2, 2, 2, 2>
// CHECK-NOT: arith.divf
// CHECK: return
func.func @net(%x: tensor<1x9x10x4xf32>) -> tensor<1x5x5x8xi8> {
  %zero = arith.constant 0.0 : f32
  %three = arith.constant 3.0 : f32
  %six = arith.constant 6.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %xq_s = arith.constant dense<0.04> : tensor<1xf32>
  %xq_q = lowbit.quantize %x, %xq_s zero_point 97 : tensor<1x9x10x4xf32>, tensor<1xf32> -> tensor<1x9x10x4xi8>
  %xq = lowbit.dequantize %xq_q, %xq_s zero_point 97 : tensor<1x9x10x4xi8>, tensor<1xf32> -> tensor<1x9x10x4xf32>
  %p1 = tensor.pad %xq low[0, 1, 0, 0] high[0, 2, 1, 0] {
  ^bb0(%p10: index, %p11: index, %p12: index, %p13: index):
    tensor.yield %zero : f32
  } : tensor<1x9x10x4xf32> to tensor<1x12x11x4xf32>
  %l1 = arith.constant dense<"0x00000407F9FB0507FCFD06FFFD05FCFF0201FAF90504050105FDFF04FAFDFAFF07FBFEFF06FC00FCF904F9FD0000FA070407FA03FD0106FD03FBFD07FF00FDFAFF02FF04FE020406FFF9030006FFFEF9FF020405FC0105FCFE05010003000704F9FB0105FA03040406FB0105FEFB00FAFC0503050506FD0002FD06F90502FC03FF0507FD00FC03020505070706FBF900FE0604FF010106F90003FF060705FF06FA02FDFC030406FC0605FDF90405FFFBFBFE04FDF90304FB01FE00F902FC01FF02FAFE0204FEF9030002FBFF0606FD02FA05FDFE070106FB0407FAFCFBFCFDFA06FC0604FB0304FAFAFEFAFF000201FFFC01FF05030301FEFDFF01FEFBFAF9FCFFFDFBFD03FD0601FB070604FB0403040301FE060703FE0001FAFA0001FCFCFA"> : tensor<8x3x3x4xi8>
  %s1 = arith.constant dense<[0.0753, 0.0893, 0.0648, 0.0884, 0.0763, 0.0575, 0.0982, 0.0701]> : tensor<8xf32>
  %b1 = arith.constant dense<[-0.4095, 0.6940, -0.7511, 0.4672, -0.6244, -0.2150, -0.5362, 0.6825]> : tensor<8xf32>
  %w1 = lowbit.dequantize %l1, %s1 axis 0 alphabet <mid_tread, [7]> layer "w1" : tensor<8x3x3x4xi8>, tensor<8xf32> -> tensor<8x3x3x4xf32>
  %i1_e = tensor.empty() : tensor<1x5x5x8xf32>
  %i1 = linalg.broadcast ins(%b1 : tensor<8xf32>) outs(%i1_e : tensor<1x5x5x8xf32>) dimensions = [0, 1, 2]
  %y1 = linalg.conv_2d_nhwc_fhwc {dilations = dense<[1, 1]> : vector<2xi64>, strides = dense<[2, 2]> : vector<2xi64>} ins(%p1, %w1 : tensor<1x12x11x4xf32>, tensor<8x3x3x4xf32>) outs(%i1 : tensor<1x5x5x8xf32>) -> tensor<1x5x5x8xf32>
  %r1_e = tensor.empty() : tensor<1x5x5x8xf32>
  %r1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y1 : tensor<1x5x5x8xf32>) outs(%r1_e : tensor<1x5x5x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.cmpf ugt, %a, %zero : f32
    %1 = arith.select %0, %a, %zero : f32
    %2 = arith.cmpf olt, %1, %six : f32
    %3 = arith.select %2, %1, %six : f32
    linalg.yield %3 : f32
  } -> tensor<1x5x5x8xf32>
  %a1_s = arith.constant dense<0.023529411764705882> : tensor<1xf32>
  %a1_q = lowbit.quantize %r1, %a1_s zero_point 0 : tensor<1x5x5x8xf32>, tensor<1xf32> -> tensor<1x5x5x8xi8>
  %a1 = lowbit.dequantize %a1_q, %a1_s zero_point 0 : tensor<1x5x5x8xi8>, tensor<1xf32> -> tensor<1x5x5x8xf32>
  %p2 = tensor.pad %a1 low[0, 2, 2, 0] high[0, 2, 2, 0] {
  ^bb0(%p20: index, %p21: index, %p22: index, %p23: index):
    tensor.yield %zero : f32
  } : tensor<1x5x5x8xf32> to tensor<1x9x9x8xf32>
  %l2 = arith.constant dense<"0x01FE0707F9020503020001FDFBFE030707FCF907030405FE050202FEFEFE0300F9F9FB00010704FD000406FF03FCFF06FEF904FDFF07FEFCFC05FC02FC050302FFFE0704FEF9FAFFFFFE070004FAFEFCFB01FBFE03040102FD05FB03FA02FCFDFE0404FC01FA0607FE010104FA00050201F906FBFE03FF0101FBF90705FB030004FB030307FDFFFBF9F9FFFB04FB0201FDFF0707FD07FC04FE030205FE0706F9FAFA02FEFBFA0601F9FC02FC04FD02FA05040102F902FFF9F9FF0303FBFBFCFEFBF9FEFAFBFCFEFFF9FF0606FBFD02F9010504F9FDFA0007040404FE07FAFBFEFFFE0006FFFF02FA0606F90207FAFBFA06FF07FA03020102FAF902050604FF06F903000306FB04F9FFF9FC07FF020707FAFE0704FFF902FB06FDFF0100010500FEFF0401FF07FCFF070501F901FE07010102FFFC00FE0507FF02FB01FBF9FCF905FC06FB0307FAF9FDFE00F9FA02FAF9FEFAFBFA00FD0501FD05FBFDFBFDFF05FE0405FA0305FE0505FBFB02FFFB07FCFB00FE00FD00FF0106FCFF0406FD0706FD0003FDFCFBFF0003FE00020400FBF9000501F9FA05FD05FB06FB02FFFBFEFFFCFFFA0207FEFF0306FCFBFE0701F9FF07FAFC07F903000506FEFD070205F907FFFB020004FEFD0206FC02FAFB00F90201FE040706FF02FDFA05FF00FFFD03FDF9070307050207FDFB0303FC07FD0701FBFFFAFE010707FB0302FEF901FA05FC04070003FF0603F9FE0300FFFFFF0003FDFD000000FC03FE020004FBFBFD07FFF900FD05F902F9010406FAFBFBFAF9FEFFFB0501040101FAFE03FC0102FF0706"> : tensor<3x3x8x8xi8>
  %s2 = arith.constant dense<[0.0928, 0.0610, 0.0583, 0.0958, 0.0579, 0.0879, 0.0656, 0.0681]> : tensor<8xf32>
  %w2 = lowbit.dequantize %l2, %s2 axis 3 alphabet <mid_tread, [7]> layer "w2" : tensor<3x3x8x8xi8>, tensor<8xf32> -> tensor<3x3x8x8xf32>
  %i2_e = tensor.empty() : tensor<1x5x5x8xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%i2_e : tensor<1x5x5x8xf32>) -> tensor<1x5x5x8xf32>
  %y2 = linalg.conv_2d_nhwc_hwcf {dilations = dense<[2, 2]> : vector<2xi64>, strides = dense<[1, 1]> : vector<2xi64>} ins(%p2, %w2 : tensor<1x9x9x8xf32>, tensor<3x3x8x8xf32>) outs(%i2 : tensor<1x5x5x8xf32>) -> tensor<1x5x5x8xf32>
  %g2 = arith.constant dense<[1.0537, 1.4260, 0.5021, 0.6623, 1.2202, 0.8945, 0.7878, 1.4629]> : tensor<8xf32>
  %h2 = arith.constant dense<[-0.4719, 0.4283, 0.9285, 0.5255, 0.4188, 0.4464, 0.6105, -0.4576]> : tensor<8xf32>
  %m2_e = tensor.empty() : tensor<1x5x5x8xf32>
  %m2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y2, %g2 : tensor<1x5x5x8xf32>, tensor<8xf32>) outs(%m2_e : tensor<1x5x5x8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x5x5x8xf32>
  %n2_e = tensor.empty() : tensor<1x5x5x8xf32>
  %n2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%m2, %h2 : tensor<1x5x5x8xf32>, tensor<8xf32>) outs(%n2_e : tensor<1x5x5x8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x5x5x8xf32>
  %t2_e = tensor.empty() : tensor<1x5x5x8xf32>
  %t2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%a1, %n2 : tensor<1x5x5x8xf32>, tensor<1x5x5x8xf32>) outs(%t2_e : tensor<1x5x5x8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x5x5x8xf32>
  %r2_e = tensor.empty() : tensor<1x5x5x8xf32>
  %r2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%t2 : tensor<1x5x5x8xf32>) outs(%r2_e : tensor<1x5x5x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.cmpf ugt, %a, %zero : f32
    %1 = arith.select %0, %a, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<1x5x5x8xf32>
  %a2_s = arith.constant dense<0.07> : tensor<1xf32>
  %a2_q = lowbit.quantize %r2, %a2_s zero_point 0 : tensor<1x5x5x8xf32>, tensor<1xf32> -> tensor<1x5x5x8xi8>
  %a2 = lowbit.dequantize %a2_q, %a2_s zero_point 0 : tensor<1x5x5x8xi8>, tensor<1xf32> -> tensor<1x5x5x8xf32>
  return %a2_q : tensor<1x5x5x8xi8>
}

// Prints the codes for an input of pseudo-random numbers in -4..4.
func.func @main() {
  %empty = tensor.empty() : tensor<1x9x10x4xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%empty : tensor<1x9x10x4xf32>) {
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
  } -> tensor<1x9x10x4xf32>
  %codes = func.call @net(%x) : (tensor<1x9x10x4xf32>) -> tensor<1x5x5x8xi8>
  %result = tensor.empty() : tensor<1x5x5x8xi32>
  %wide = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%codes : tensor<1x5x5x8xi8>) outs(%result : tensor<1x5x5x8xi32>) {
  ^bb0(%in: i8, %out: i32):
    %extended = arith.extui %in : i8 to i32
    linalg.yield %extended : i32
  } -> tensor<1x5x5x8xi32>
  %unranked = tensor.cast %wide : tensor<1x5x5x8xi32> to tensor<*xi32>
  call @printMemrefI32(%unranked) : (tensor<*xi32>) -> ()
  return
}
func.func private @printMemrefI32(tensor<*xi32>) attributes {llvm.emit_c_interface}
