// A network of two inputs and two outputs, as a shared library, an archive and an object: linked to a C program that
// runs it, also from two threads.

// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: gpfq-compile net.mlir --float -o libnet.so
// RUN: gpfq-compile net.mlir --float -o libnet.a
// RUN: gpfq-compile net.mlir --float --name=net -o other.o

// RUN: %clang -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c libnet.h
// RUN: %clang -std=c++17 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c++ libnet.h
// RUN: FileCheck net.mlir --check-prefix=HEADER < libnet.h

// RUN: llvm-nm -D --defined-only libnet.so | sort -k3 | FileCheck net.mlir --check-prefix=EXPORTS
// RUN: llvm-nm -u libnet.so | FileCheck net.mlir --check-prefix=IMPORTS --allow-empty
// RUN: llvm-nm -u other.o | FileCheck net.mlir --check-prefix=IMPORTS --allow-empty
// RUN: llvm-nm --defined-only other.o | not grep gpfq_default_model

// RUN: %clang -std=c99 -Wall -Werror -I. -I%S/Inputs main.c libnet.so -Wl,-rpath,%t -lpthread -o shared && ./shared
// RUN: %clang -std=c99 -Wall -Werror -I. -I%S/Inputs main.c libnet.a -lpthread -o archive && ./archive
// RUN: %clang -std=c99 -Wall -Werror -I. -I%S/Inputs main.c other.o -lpthread -o object && ./object

//--- net.mlir
// HEADER: inputs[0]  float [1][2][3]
// HEADER: inputs[1]  float [1][3]
// HEADER: outputs[0]  float [1][2][3]
// HEADER: outputs[1]  float [1][2][3]

// EXPORTS: gpfq_default_model
// EXPORTS-NEXT: net_check
// EXPORTS-NEXT: net_info
// EXPORTS-NEXT: net_run
// EXPORTS-NOT: {{.}}

// IMPORTS-NOT: U {{[^m]|mem[^cms]}}

// output0 = input0 + input1, output1 = 2 * output0 * output0; the name would clash with a C program's.
func.func @main(%x: tensor<1x2x3xf32>, %y: tensor<1x3xf32>) -> (tensor<1x2x3xf32>, tensor<1x2x3xf32>) {
  %e = tensor.empty() : tensor<1x2x3xf32>
  %b = linalg.broadcast ins(%y : tensor<1x3xf32>) outs(%e : tensor<1x2x3xf32>) dimensions = [1]
  %s = linalg.add ins(%x, %b : tensor<1x2x3xf32>, tensor<1x2x3xf32>) outs(%e : tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  %two = arith.constant dense<2.0> : tensor<1x2x3xf32>
  %m = linalg.mul ins(%s, %s : tensor<1x2x3xf32>, tensor<1x2x3xf32>) outs(%e : tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  %d = linalg.mul ins(%two, %m : tensor<1x2x3xf32>, tensor<1x2x3xf32>) outs(%e : tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  return %s, %d : tensor<1x2x3xf32>, tensor<1x2x3xf32>
}

//--- main.c
#include "libnet.h"
#include "run.h"
#include <pthread.h>
#include <stdint.h>
#include <string.h>

struct job {
  float x[6], y[3], sum[6], square[6];
  void *workspace;
  int32_t status;
};

static void *run(void *argument) {
  struct job *job = argument;
  const void *inputs[] = {job->x, job->y};
  void *outputs[] = {job->sum, job->square};
  for (int i = 0; i < 1000 && job->status == 0; ++i)
    job->status = net_run(inputs, outputs, 1, job->workspace);
  return NULL;
}

int main(void) {
  const gpfq_model_info *info = net_info();
  EXPECT(info->abi_version == GPFQ_MODEL_ABI_VERSION && info->struct_bytes == sizeof(*info));
  EXPECT(strcmp(info->name, "net") == 0 && info->num_inputs == 2 && info->num_outputs == 2);
  EXPECT(info->inputs[1].rank == 2 && info->inputs[1].dtype == 0 && info->inputs[1].shape[1] == 3);
  EXPECT(info->workspace_alignment == 64 && info->check() == NULL && net_check() == NULL);

  struct job jobs[2] = {{{0}, {0}, {0}, {0}, 0, 0}, {{0}, {0}, {0}, {0}, 0, 0}};
  pthread_t threads[2];
  static _Alignas(64) char workspaces[2][NET_WORKSPACE_BYTES + 64];
  for (int t = 0; t < 2; ++t) {
    for (int i = 0; i < 6; ++i)
      jobs[t].x[i] = i + 10 * t;
    for (int i = 0; i < 3; ++i)
      jobs[t].y[i] = 0.5f * i;
    jobs[t].workspace = workspaces[t];
    EXPECT((uintptr_t)jobs[t].workspace % 64 == 0);
    EXPECT(pthread_create(&threads[t], NULL, run, &jobs[t]) == 0);
  }
  for (int t = 0; t < 2; ++t) {
    EXPECT(pthread_join(threads[t], NULL) == 0 && jobs[t].status == 0);
    for (int i = 0; i < 6; ++i) {
      float sum = i + 10 * t + 0.5f * (i % 3);
      EXPECT(jobs[t].sum[i] == sum && jobs[t].square[i] == 2 * sum * sum);
    }
  }

  const void *inputs[] = {jobs[0].x, NULL};
  void *outputs[] = {jobs[0].sum, jobs[0].square};
  EXPECT(net_run(inputs, outputs, 2, workspaces[0]) == 1);
  EXPECT(net_run(inputs, outputs, 1, workspaces[0]) == 2);
  EXPECT(net_run(NULL, outputs, 1, workspaces[0]) == 2);
  return 0;
}
