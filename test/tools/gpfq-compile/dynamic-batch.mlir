// A dynamic batch is compiled as one sample and a loop.

// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: gpfq-compile net.mlir --float -o libnet.a
// RUN: FileCheck net.mlir < libnet.h
// RUN: %clang -std=c99 -Wall -Werror -I. -I%S/Inputs main.c libnet.a -o program && ./program

//--- net.mlir
// CHECK: inputs[0]  float [batch][4]
// CHECK: `batch` is the number of samples, 0 or more
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]]> : tensor<4x2xf32>
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x2xf32>) outs(%i : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %r : tensor<?x2xf32>
}

//--- main.c
#include "libnet.h"
#include "run.h"

int main(void) {
  const gpfq_model_info *info = net_info();
  EXPECT(info->inputs[0].shape[0] == -1 && info->outputs[0].shape[0] == -1);
  float x[3][4], y[4][2] = {{0}};
  for (int s = 0; s < 3; ++s)
    for (int i = 0; i < 4; ++i)
      x[s][i] = s + 1;
  static _Alignas(64) char workspace[NET_WORKSPACE_BYTES + 64];
  const void *inputs[] = {x};
  void *outputs[] = {y};
  EXPECT(net_run(inputs, outputs, 0, workspace) == 0 && y[0][0] == 0);
  EXPECT(net_run(inputs, outputs, -1, workspace) == 1);
  EXPECT(net_run(inputs, outputs, 3, workspace) == 0);
  for (int s = 0; s < 3; ++s)
    EXPECT(y[s][0] == 10 * (s + 1) && y[s][1] == 2 * (s + 1));
  EXPECT(y[3][0] == 0 && y[3][1] == 0);
  return 0;
}
