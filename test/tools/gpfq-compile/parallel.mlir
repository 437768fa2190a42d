// A layer that is worth it is split into parts, which the host's threads or the library's own compute; the result is
// that of one thread.

// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: gpfq-compile net.mlir --parallel=host -o libnet.a
// RUN: %clang -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c libnet.h
// RUN: FileCheck net.mlir --check-prefix=HOST < libnet.h
// RUN: llvm-nm -u libnet.a | FileCheck net.mlir --check-prefix=NO-LIBC --allow-empty
// RUN: %clang -std=c99 -Wall -Werror -I. -I%S/Inputs main.c libnet.a -o host && ./host

// RUN: gpfq-compile net.mlir --parallel=pool -o libnet.so
// RUN: %clang -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c libnet.h
// RUN: %clang -std=c++17 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c++ libnet.h
// The runtime's own header declares some of the same, before or behind.
// RUN: %clang -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only -I%S/../../../include -include gpfq/Runtime/ThreadPool.h -x c libnet.h
// RUN: %clang -std=c++17 -Wall -Wextra -Werror -pedantic -fsyntax-only -I%S/../../../include -include libnet.h -x c++ %S/../../../include/gpfq/Runtime/ThreadPool.h
// RUN: llvm-nm -D --defined-only libnet.so | sort -k3 | FileCheck net.mlir --check-prefix=EXPORTS
// RUN: %clang -std=c99 -Wall -Werror -DPOOL -I. -I%S/Inputs main.c libnet.so -Wl,-rpath,%t -lpthread -o shared && ./shared
// RUN: gpfq-compile net.mlir --parallel=pool -o libnet.a
// RUN: %clang -std=c99 -Wall -Werror -DPOOL -I. -I%S/Inputs main.c libnet.a -lpthread -o archive && ./archive

// RUN: gpfq-compile net.mlir -o libserial.so
// RUN: llvm-nm -D libserial.so | FileCheck net.mlir --check-prefix=SERIAL
// RUN: not gpfq-compile net.mlir --parallel=x -o libnet.so 2>&1 | FileCheck net.mlir --check-prefix=BAD

//--- net.mlir
// HOST: net_run_parallel
// HOST-NOT: net_pool_create
// NO-LIBC-NOT: U {{[^m]|mem[^cms]}}
// EXPORTS: gpfq_default_model
// EXPORTS-NEXT: net_check
// EXPORTS-NEXT: net_info
// EXPORTS-NEXT: net_pool_create
// EXPORTS-NEXT: net_pool_destroy
// EXPORTS-NEXT: net_run
// EXPORTS-NEXT: net_run_parallel
// EXPORTS-NOT: {{.}}
// SERIAL-NOT: parallel
// BAD: Cannot find option named 'x'

func.func @net(%x: tensor<64x256xi8>) -> tensor<64x1024xi32> {
  %w = arith.constant dense<3> : tensor<1024x256xi8>
  %e = tensor.empty() : tensor<64x1024xi32>
  %b = arith.constant dense<5> : tensor<1024xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<64x256xi8>, tensor<1024x256xi8>) fused(%b : tensor<1024xi32>)
      outs(%e : tensor<64x1024xi32>) {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    lowbit.yield %s : i32
  } -> tensor<64x1024xi32>
  return %r : tensor<64x1024xi32>
}

//--- main.c
#include "libnet.h"
#include "run.h"
#include <stdint.h>
#include <string.h>

enum { INPUTS = 64 * 256, OUTPUTS = 64 * 1024 };

static int64_t calls, parts;

/* Backwards: the order does not matter. */
static void run_backwards(void *self, int64_t count, void (*body)(void *, int64_t), void *context) {
  EXPECT(self == &calls);
  ++calls;
  parts += count;
  for (int64_t i = count; i-- > 0;)
    body(context, i);
}

static int8_t input[INPUTS];
static int32_t expected[OUTPUTS], actual[OUTPUTS];

static void run_and_compare(const gpfq_parallel *parallel, void *workspace) {
  const void *inputs[] = {input};
  void *outputs[] = {actual};
  memset(actual, 0x5a, sizeof(actual));
  EXPECT(net_run_parallel(inputs, outputs, 1, workspace, parallel) == 0);
  EXPECT(memcmp(expected, actual, sizeof(actual)) == 0);
}

int main(void) {
  for (int i = 0; i < INPUTS; ++i)
    input[i] = (int8_t)(i * 7 + i / 256);
  static char memory[NET_WORKSPACE_BYTES + NET_WORKSPACE_ALIGNMENT];
  void *workspace = memory + (-(uintptr_t)memory & (NET_WORKSPACE_ALIGNMENT - 1));
  const void *inputs[] = {input};
  void *outputs[] = {expected};
  EXPECT(net_check() == NULL);
  EXPECT(net_run(inputs, outputs, 1, workspace) == 0);
  int32_t sum = 5;
  for (int k = 0; k < 256; ++k)
    sum += 3 * (uint8_t)input[k];
  EXPECT(expected[0] == sum);
  run_and_compare(NULL, workspace);
  gpfq_parallel backwards = {run_backwards, &calls};
  run_and_compare(&backwards, workspace);
  EXPECT(calls == 1 && parts > 4);
  EXPECT(net_info()->run_parallel == net_run_parallel);
#ifdef POOL
  for (int threads = 1; threads <= 4; ++threads) {
    const gpfq_parallel *pool = net_info()->pool_create(threads, threads % 2);
    EXPECT(pool != NULL);
    for (int round = 0; round < 50; ++round)
      run_and_compare(pool, workspace);
    net_pool_destroy(pool);
  }
  EXPECT(net_pool_create(0, 0) == NULL);
#else
  EXPECT(net_info()->pool_create == NULL && net_info()->pool_destroy == NULL);
#endif
  return 0;
}
