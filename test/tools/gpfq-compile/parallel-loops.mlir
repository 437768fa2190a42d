// What lies between layers is split into parts too; the result is that of one thread.

// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: gpfq-compile net.mlir --float --parallel=host -o net.o
// RUN: gpfq-compile net.mlir --float -o serial.o
// RUN: %clang -std=c99 -Wall -Werror -I. -I%S/Inputs main.c net.o serial.o -o run && ./run

//--- net.mlir
#map = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @net(%x: tensor<1x67x2048xf32>) -> tensor<1x69x2050xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x67x2048xf32>
  %relu = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x67x2048xf32>) outs(%e : tensor<1x67x2048xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x67x2048xf32>
  %padded = tensor.pad %relu low[0, 1, 1] high[0, 1, 1] {
  ^bb0(%i: index, %j: index, %k: index):
    tensor.yield %zero : f32
  } : tensor<1x67x2048xf32> to tensor<1x69x2050xf32>
  return %padded : tensor<1x69x2050xf32>
}

//--- main.c
#include "net.h"
#include "run.h"
#include "serial.h"
#include <stdint.h>
#include <string.h>

enum { INPUTS = 67 * 2048, OUTPUTS = 69 * 2050 };

static int64_t calls;

static void run_backwards(void *self, int64_t count, void (*body)(void *, int64_t), void *context) {
  EXPECT(self == &calls && count > 1);
  ++calls;
  for (int64_t i = count; i-- > 0;)
    body(context, i);
}

static float input[INPUTS], expected[OUTPUTS], actual[OUTPUTS];

int main(void) {
  for (int i = 0; i < INPUTS; ++i)
    input[i] = (float)(i % 1000 - 500);
  static char memory[NET_WORKSPACE_BYTES + SERIAL_WORKSPACE_BYTES + 64];
  void *workspace = memory + (-(uintptr_t)memory & 63);
  const void *inputs[] = {input};
  void *outputs[] = {actual}, *wanted[] = {expected};
  gpfq_parallel backwards = {run_backwards, &calls};
  EXPECT(serial_run(inputs, wanted, 1, workspace) == 0);
  EXPECT(net_run_parallel(inputs, outputs, 1, workspace, &backwards) == 0);
  EXPECT(calls > 0 && memcmp(expected, actual, sizeof(actual)) == 0);
  EXPECT(expected[2050 + 1] == 0 && expected[2050 + 1 + 999] == 499);
  memset(actual, 0x5a, sizeof(actual));
  EXPECT(net_run(inputs, outputs, 1, workspace) == 0);
  EXPECT(memcmp(expected, actual, sizeof(actual)) == 0);
  return 0;
}
