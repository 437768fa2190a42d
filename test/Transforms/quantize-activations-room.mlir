// RUN: %python %S/../Inputs/make_npy.py %t.npy 8x224
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy" -o %t.mlir && FileCheck %s < %t.mlir
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy max=255" | FileCheck %s --check-prefix=ALL
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy max=100" | FileCheck %s --check-prefix=FEW
// RUN: not gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy max=256" 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: not gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy max=100 bits=4" 2>&1 | FileCheck %s --check-prefix=BAD
// The integer layers know of it.
// RUN: gpfq-opt %t.mlir --gpfq-quantize-weights="calibration=%t.npy" --lowbit-fuse | FileCheck %s --check-prefix=INTEGER

// Levels from -7 to 7 leave room for 14 codes, those from -15 to 15 for 30, those of eight bits for none.
// CHECK: lowbit.quantize {{.*}} max 225 : tensor<1x224xf32>
// CHECK: lowbit.quantize {{[^m]*}} : tensor<1x40xf32>
// CHECK: lowbit.quantize {{.*}} max 241 : tensor<1x256xf32>
// ALL-COUNT-3: lowbit.quantize {{[^m]*}} : tensor
// FEW-COUNT-3: lowbit.quantize {{.*}} max 100 :
// BAD: error: max={{256|100}} is not in 1 to 255, with bits=8, or 0
// INTEGER: lowbit.matmul {{.*}} input_max = 225 : i32, layer = "five"
// INTEGER-NOT: input_max
// INTEGER: layer = "eight"
// INTEGER: lowbit.matmul {{.*}} input_max = 241 : i32, layer = "four"
func.func @network(%x: tensor<1x224xf32>) -> tensor<1x40xf32> {
  %zero = arith.constant 0.0 : f32
  %w0 = arith.constant dense<0.25> : tensor<224x40xf32>
  %w1 = arith.constant dense<0.25> : tensor<40x256xf32>
  %w2 = arith.constant dense<0.25> : tensor<256x40xf32>
  %e0 = tensor.empty() : tensor<1x40xf32>
  %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x40xf32>) -> tensor<1x40xf32>
  %e1 = tensor.empty() : tensor<1x256xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x256xf32>) -> tensor<1x256xf32>
  %a = linalg.matmul {lowbit.layer = #lowbit.layer<"five", <mid_tread, [15]>, channel>}
      ins(%x, %w0 : tensor<1x224xf32>, tensor<224x40xf32>) outs(%i0 : tensor<1x40xf32>) -> tensor<1x40xf32>
  %b = linalg.matmul {lowbit.layer = #lowbit.layer<"eight", <mid_tread, [127]>, channel>}
      ins(%a, %w1 : tensor<1x40xf32>, tensor<40x256xf32>) outs(%i1 : tensor<1x256xf32>) -> tensor<1x256xf32>
  %c = linalg.matmul {lowbit.layer = #lowbit.layer<"four", <mid_tread, [7]>, channel>}
      ins(%b, %w2 : tensor<1x256xf32>, tensor<256x40xf32>) outs(%i0 : tensor<1x40xf32>) -> tensor<1x40xf32>
  return %c : tensor<1x40xf32>
}
