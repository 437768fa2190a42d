// RUN: gpfq-opt %s --lowbit-to-linalg | %run-main > %t.level2
// RUN: gpfq-opt %s --lowbit-fuse --lowbit-to-linalg | %run-main > %t.level3
// RUN: %python %S/Inputs/compare-codes.py %t.level2 %t.level3 --tolerance=1
// RUN: gpfq-opt %s --lowbit-fuse | FileCheck %s

// A batched product with a broadcast weight, a bias behind it and ReLU; a product with a transposed weight.
// CHECK-LABEL: func @net
// CHECK: lowbit.matmul ins(%{{.*}}, %{{.*}} : tensor<2x5x12xi8>, tensor<16x12xi8>)
// CHECK: lowbit.matmul ins(%{{.*}}, %{{.*}} : tensor<2x80xi8>, tensor<7x80xi8>)
// CHECK-NOT: linalg.
// CHECK: return
func.func @net(%x: tensor<2x5x12xf32>) -> tensor<2x7xi8> {
  %zero = arith.constant 0.0 : f32
  %three = arith.constant 3.0 : f32
  %six = arith.constant 6.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %xq_s = arith.constant dense<0.035> : tensor<1xf32>
  %xq_q = lowbit.quantize %x, %xq_s zero_point 100 : tensor<2x5x12xf32>, tensor<1xf32> -> tensor<2x5x12xi8>
  %xq = lowbit.dequantize %xq_q, %xq_s zero_point 100 : tensor<2x5x12xi8>, tensor<1xf32> -> tensor<2x5x12xf32>
  %l1 = arith.constant dense<"0xFC0102FE05FA030007040506F907FAFEFCFCFAFAFDFFFC05F9FC0705060300FC050206050606F9FB0105060406FC05FDF90701FEFEFD0403FEFAFD0005FE0001FB02FF0204FFFE060405030706FF070304FFFEFDFA020707FF0503FD02FC060402030605FFFB060501FFFCFD06FEFB07060701FA06FD040307F907F9FBF9FC0607FE03FD060400FDFB0401FE06FDF9FE00FBFCFA0706000606FF05030405FCFE0103020403FAFEFB07040003FAFB02050305FFFD00FEFCFA05FFFFFA07010102"> : tensor<12x16xi8>
  %s1 = arith.constant dense<[0.0791, 0.0536, 0.0811, 0.0876, 0.0571, 0.0798, 0.0910, 0.0597, 0.0957, 0.0986, 0.0856, 0.0936, 0.0636, 0.0832, 0.0963, 0.0522]> : tensor<16xf32>
  %w1 = lowbit.dequantize %l1, %s1 axis 1 alphabet <mid_tread, [7]> layer "w1" : tensor<12x16xi8>, tensor<16xf32> -> tensor<12x16xf32>
  %wb_e = tensor.empty() : tensor<2x12x16xf32>
  %wb = linalg.broadcast ins(%w1 : tensor<12x16xf32>) outs(%wb_e : tensor<2x12x16xf32>) dimensions = [0]
  %i1_e = tensor.empty() : tensor<2x5x16xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%i1_e : tensor<2x5x16xf32>) -> tensor<2x5x16xf32>
  %y1 = linalg.batch_matmul ins(%xq, %wb : tensor<2x5x12xf32>, tensor<2x12x16xf32>) outs(%i1 : tensor<2x5x16xf32>) -> tensor<2x5x16xf32>
  %b1 = arith.constant dense<[0.6416, -0.5262, 0.6022, 0.2848, 0.6031, -0.1980, -0.0996, 0.8486, -0.8575, -0.6876, 0.9457, 0.8265, -0.7063, 0.9469, -0.4691, 0.7842]> : tensor<16xf32>
  %t1_e = tensor.empty() : tensor<2x5x16xf32>
  %t1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%y1, %b1 : tensor<2x5x16xf32>, tensor<16xf32>) outs(%t1_e : tensor<2x5x16xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<2x5x16xf32>
  %r1_e = tensor.empty() : tensor<2x5x16xf32>
  %r1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%t1 : tensor<2x5x16xf32>) outs(%r1_e : tensor<2x5x16xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<2x5x16xf32>
  %a1_s = arith.constant dense<0.05> : tensor<1xf32>
  %a1_q = lowbit.quantize %r1, %a1_s zero_point 0 : tensor<2x5x16xf32>, tensor<1xf32> -> tensor<2x5x16xi8>
  %a1 = lowbit.dequantize %a1_q, %a1_s zero_point 0 : tensor<2x5x16xi8>, tensor<1xf32> -> tensor<2x5x16xf32>
  %flat = tensor.collapse_shape %a1 [[0], [1, 2]] : tensor<2x5x16xf32> into tensor<2x80xf32>
  %l2 = arith.constant dense<"0x0306FAF901F9FCFD0706FE0406FE070502FDFCFE06FBFE070305FAFF04FC060700FE00FCFAFFFE03FB04FBFA0607FD03FCF9FC050507050501F903000501FE060100FDFAFA07F907F900FFF906050204000705F9FDFF02FD01FA020404FEFAF9FFFBFB050502FAFC0603FCFA01030202FCF9FB00030301040003F9060504050601FF00F906FB06FD00F9F9FAFA00FBFCFCFD05040705FC05F9FEFA03010502FB06FC0702FDFCFDFB07FE06F902FF06F906FCFBFCFDFDFEFA0100FF03FAFE0406F90504FD06F9050401FCFDFD0101060707FD070004020003FCFCFA010501010206FA02FA0307060506050507FC0704FE060407020701070305FD0505FEFF03FB07F9FB0205FC0207FBFBFCFD010705000206070404FAFDFC05FEF90606FE07FFFD0000FD020405F9FEFC0605FD02FC0007FEFCFAFEFF0307FD01070101070706FB070407FF0305FD050207FEFE05F9FBFBFFFE0507FF0102FEFA06FD0307020203FE030004040104F90507FD01FC01020600020106FCFBFDFE04FAFEFA04FEF90307FEFC0200F906FAFCFEFC010703060000FEF90302F9FCF9FC0306030206FFFFF900FE0005FBFDFBFDFE0202FCFD010404FEFDFC00010106FE00FCFFFAFF01FA07F9F9FA0504070201FE070203FF0105FF03FF040302FCFC03FC000003FA07FFFC03FFFAFD00F90002FE020207010202FEF906FFF9FBFD030405FB01FEFC0503FEFAFC000605FAF905FEFD04FC0400FB0005070204FCFFFC01FFFDFB0702FEFD06FB02010605FE02FFF9FE01050707"> : tensor<7x80xi8>
  %s2 = arith.constant dense<[0.0182, 0.0145, 0.0183, 0.0173, 0.0152, 0.0118, 0.0124]> : tensor<7xf32>
  %w2 = lowbit.dequantize %l2, %s2 axis 0 alphabet <mid_tread, [7]> layer "w2" : tensor<7x80xi8>, tensor<7xf32> -> tensor<7x80xf32>
  %wt_e = tensor.empty() : tensor<80x7xf32>
  %wt = linalg.transpose ins(%w2 : tensor<7x80xf32>) outs(%wt_e : tensor<80x7xf32>) permutation = [1, 0]
  %b2 = arith.constant dense<[0.4075, -0.6025, 0.1207, 0.6084, 0.3078, 0.2195, -0.4845]> : tensor<7xf32>
  %i2_e = tensor.empty() : tensor<2x7xf32>
  %i2 = linalg.broadcast ins(%b2 : tensor<7xf32>) outs(%i2_e : tensor<2x7xf32>) dimensions = [0]
  %y2 = linalg.matmul ins(%flat, %wt : tensor<2x80xf32>, tensor<80x7xf32>) outs(%i2 : tensor<2x7xf32>) -> tensor<2x7xf32>
  %a2_s = arith.constant dense<0.02> : tensor<1xf32>
  %a2_q = lowbit.quantize %y2, %a2_s zero_point 110 : tensor<2x7xf32>, tensor<1xf32> -> tensor<2x7xi8>
  %a2 = lowbit.dequantize %a2_q, %a2_s zero_point 110 : tensor<2x7xi8>, tensor<1xf32> -> tensor<2x7xf32>
  return %a2_q : tensor<2x7xi8>
}

// Prints the codes for an input of pseudo-random numbers in -4..4.
func.func @main() {
  %empty = tensor.empty() : tensor<2x5x12xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} outs(%empty : tensor<2x5x12xf32>) {
  ^bb0(%out: f32):
    %d0 = linalg.index 0 : index
    %d1 = linalg.index 1 : index
    %d2 = linalg.index 2 : index
    %k0 = arith.constant 1009 : index
    %m0 = arith.muli %d0, %k0 : index
    %k1 = arith.constant 631 : index
    %m1 = arith.muli %d1, %k1 : index
    %k2 = arith.constant 173 : index
    %m2 = arith.muli %d2, %k2 : index
    %t1 = arith.addi %m0, %m1 : index
    %t2 = arith.addi %t1, %m2 : index
    %square = arith.muli %t2, %t2 : index
    %modulus = arith.constant 251 : index
    %residue = arith.remui %square, %modulus : index
    %bits = arith.index_cast %residue : index to i32
    %float = arith.sitofp %bits : i32 to f32
    %scale = arith.constant 0.032 : f32
    %offset = arith.constant -4.0 : f32
    %scaled = arith.mulf %float, %scale : f32
    %sum = arith.addf %scaled, %offset : f32
    linalg.yield %sum : f32
  } -> tensor<2x5x12xf32>
  %codes = func.call @net(%x) : (tensor<2x5x12xf32>) -> tensor<2x7xi8>
  %result = tensor.empty() : tensor<2x7xi32>
  %wide = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%codes : tensor<2x7xi8>) outs(%result : tensor<2x7xi32>) {
  ^bb0(%in: i8, %out: i32):
    %extended = arith.extui %in : i8 to i32
    linalg.yield %extended : i32
  } -> tensor<2x7xi32>
  %unranked = tensor.cast %wide : tensor<2x7xi32> to tensor<*xi32>
  call @printMemrefI32(%unranked) : (tensor<*xi32>) -> ()
  return
}
func.func private @printMemrefI32(tensor<*xi32>) attributes {llvm.emit_c_interface}
