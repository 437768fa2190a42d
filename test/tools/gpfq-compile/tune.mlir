// Tiles measured on this CPU; timings are its own, so only what is made of them is checked.

// RUN: rm -rf %t && mkdir -p %t/again && cd %t
// RUN: %python %S/../../Inputs/make_npy.py calib.npy 32x4
// RUN: gpfq-compile %s --calibration=calib.npy --emit=quantized -o net.q.mlir
// RUN: gpfq-compile net.q.mlir --tune=tiles.json -o libnet.so
// RUN: FileCheck %s < tiles.json
// RUN: gpfq-compile net.q.mlir --tiles=tiles.json -o again/libnet.so
// RUN: cmp libnet.so again/libnet.so
// RUN: not gpfq-compile net.q.mlir --tune=no/tiles.json -o libnone.so 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: not gpfq-compile net.q.mlir --tune=t.json --tiles=tiles.json -o libnone.so 2>&1 | FileCheck %s --check-prefix=BOTH
// RUN: not gpfq-compile net.q.mlir --tune=t.json --target=aarch64-dotprod -o libnone.so 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not gpfq-compile net.q.mlir --tune=t.json --target=avx2,generic -o libnone.so 2>&1 | FileCheck %s --check-prefix=SEVERAL
// RUN: not gpfq-compile net.q.mlir --tune=t.json --reference -o libnone.so 2>&1 | FileCheck %s --check-prefix=REFERENCE
// RUN: not ls t.json libnone.so

// CHECK: "version": 1,
// CHECK-NEXT: "target": "{{[a-z0-9-]+}}",
// CHECK-NEXT: "cpu": "
// CHECK-NEXT: "tiles": [
// FOLDER: error: {{.*}}no/tiles.json
// BOTH: error: --tune makes a table of its own: leave out --tiles
// OTHER: error: tiles for 'aarch64-dotprod' cannot be measured: this CPU cannot run its kernels
// SEVERAL: error: tiles are of one target; give one with --target
// REFERENCE: error: --reference has no kernels: leave out --tiles and --tune
func.func @net(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<[[0.7, -0.2], [0.1, 0.5], [-0.6, 0.3], [0.2, 0.4]]> : tensor<4x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x4xf32>, tensor<4x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
