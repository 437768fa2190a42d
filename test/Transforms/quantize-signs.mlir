// RUN: %python %S/../Inputs/make_npy.py %t.npy 5x16 signed
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy bits=1 report=%t.json" -verify-diagnostics -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: FileCheck %s --check-prefix=REPORT < %t.json
// RUN: gpfq-opt %t.mlir --gpfq-quantize-weights="calibration=%t.npy" --lowbit-fuse | FileCheck %s --check-prefix=INTEGER
// RUN: not gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy bits=9" 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy bits=1 mode=dynamic" 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// RANGE: error: bits=9 is not in 1 to 8
// DYNAMIC: error: mode=dynamic has codes of 8 bits, got bits=1

#map = affine_map<(d0, d1) -> (d0, d1)>

// The layers "one" and "two" read signs. "four" has more levels, and what "rectified" reads is never negative.
// CHECK-LABEL: func @network
// CHECK-SAME: %[[X:.*]]: tensor<1x16xf32>
// CHECK: %[[S:.*]] = arith.constant dense<[[SCALE:.*]]> : tensor<1xf32>
// CHECK: %[[Q:.*]] = lowbit.quantize %[[X]], %[[S]] sign zero_point 1
// CHECK: lowbit.dequantize %[[Q]], %[[S]] zero_point 1 : tensor<1x16xi8>
// CHECK: lowbit.quantize {{.*}} sign zero_point 1
// CHECK: lowbit.quantize %{{[^ ]*}}, %{{[^ ]*}} :
// CHECK: lowbit.quantize %{{[^ ]*}}, %{{[^ ]*}} zero_point {{[0-9]+}} :
// CHECK-NOT: lowbit.quantize

// Of signs there are the codes 0 and 2. Random numbers between -1 and 1 have the mean magnitude 0.5.
// REPORT: "clipped": 0,
// REPORT-NEXT: "codes": [
// REPORT-NEXT: {{[1-9][0-9]*}},
// REPORT-NEXT: 0,
// REPORT-NEXT: {{[1-9][0-9]*}}
// REPORT-NEXT: ],
// REPORT: "one"
// REPORT: "max": 2
// REPORT: "scale": 0.{{4|5}}
// REPORT: "sign": true
// REPORT: "zero_point": 1

// INTEGER: lowbit.matmul {{.*}} layer = "one"
// INTEGER: arith.select %{{.*}}, %{{.*}}, %{{.*}} : i8
// INTEGER: lowbit.matmul {{.*}} layer = "two"
// INTEGER: lowbit.matmul {{.*}} layer = "rectified"
// INTEGER: lowbit.matmul {{.*}} layer = "four"
func.func @network(%x: tensor<1x16xf32>) -> tensor<1x16xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<"0x000000BF0000003E000080BE0000803E0000803E000060BF000080BF0000203F000000BF000000BF0000803F000000000000203F000000000000803E000040BF0000803E0000403F000000000000003F0000C03E000060BF0000003F0000003E0000C0BE000080BF0000403F000000000000003F0000403F0000C03E0000603F000080BE0000203F000000BE0000603F0000403F000040BF000040BF000020BF0000603F000000BE0000803E0000C0BE00000000000080BE000080BE0000003E0000003E0000403F0000C03E0000603F0000403F0000803F0000C03E000020BF0000403F0000603F0000403F0000003E0000C03E000020BF0000203F0000003E0000C0BE000060BF0000403F0000803F000060BF0000203F000000BE000040BF0000C0BE0000003F0000403F000060BF0000803E000060BF0000C03E0000C0BE0000403F0000803F000000000000803F0000C0BE000060BF0000803E000060BF000020BF000000BE0000803E000040BF000060BF0000403F0000C0BE0000603F0000403F000080BE000000BE000000000000803E0000803E0000003E0000803E0000603F00000000000000BE0000003F000000BF0000C0BE0000803F000000000000003E000080BF000000BE0000003E000080BF0000803E0000803E000060BF0000803E000000BE0000C03E000080BE0000C03E0000003F000080BF000060BF0000C03E0000603F000000BF000000BE0000003E0000C0BE000080BE0000C0BE000080BE0000803E0000C0BE000080BE0000003F000080BF0000003E0000003F0000C0BE000000BF0000203F000000BF000020BF000000BE0000C03E000040BF0000C0BE0000C0BE0000203F000000BE0000403F000020BF0000C0BE0000803E0000403F000000BE000000BF000040BF00000000000020BF0000203F0000203F000020BF000000BF0000203F0000803E0000203F000080BE000040BF0000C0BE0000203F000000BF000080BE000000BE000000BE000000BE0000603F000040BF000080BF0000603F0000403F0000803F000000BE0000603F0000603F000000BF0000003F0000203F0000C03E000000000000C0BE0000C0BE000000BF000060BF0000003E0000C0BE0000203F000060BF0000403F0000C03E0000603F0000403F0000403F0000003E000080BF0000003F000020BF0000C0BE0000C03E00000000000000BE0000603F0000803E0000C0BE000000BF0000403F000000000000203F000080BE000020BF0000003E0000203F000020BF0000203F0000603F0000203F0000203F000080BF0000803E0000403F000060BF000000BF000000BF00000000000000BE000000000000003F000080BF000060BF000040BF000040BF000060BF0000803F0000403F000060BF000000000000C0BE0000C0BE000080BE0000803E"> : tensor<16x16xf32>
  %e = tensor.empty() : tensor<1x16xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16xf32>) -> tensor<1x16xf32>
  %a = linalg.matmul {lowbit.layer = #lowbit.layer<"one", <mid_rise, [1]>, channel>}
      ins(%x, %w : tensor<1x16xf32>, tensor<16x16xf32>) outs(%i : tensor<1x16xf32>) -> tensor<1x16xf32>
  %b = linalg.matmul {lowbit.layer = #lowbit.layer<"two", <mid_rise, [1]>, channel>}
      ins(%a, %w : tensor<1x16xf32>, tensor<16x16xf32>) outs(%i : tensor<1x16xf32>) -> tensor<1x16xf32>
  // expected-remark @+1 {{keeps 8 bits: it is never negative in the calibration data}}
  %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<1x16xf32>) outs(%e : tensor<1x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x16xf32>
  // expected-remark @+1 {{keeps 8 bits: layer 'four' has weights other than -1 and 1}}
  %c = linalg.matmul {lowbit.layer = #lowbit.layer<"rectified", <mid_rise, [1]>, channel>}
      ins(%r, %w : tensor<1x16xf32>, tensor<16x16xf32>) outs(%i : tensor<1x16xf32>) -> tensor<1x16xf32>
  %d = linalg.matmul {lowbit.layer = #lowbit.layer<"four", <mid_tread, [7]>, channel>}
      ins(%c, %w : tensor<1x16xf32>, tensor<16x16xf32>) outs(%i : tensor<1x16xf32>) -> tensor<1x16xf32>
  return %d : tensor<1x16xf32>
}
