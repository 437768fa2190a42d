/* Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Classifies images of 8x8 floats from standard input, one class a line. Nothing is allocated: the
 * workspace is static. */

#include "digits.h"

#include <stdalign.h>
#include <stdio.h>

static alignas(DIGITS_WORKSPACE_ALIGNMENT) char workspace[DIGITS_WORKSPACE_BYTES];

int main(void) {
  const char *problem = digits_check();
  if (problem) {
    fprintf(stderr, "%s\n", problem);
    return 1;
  }
  float image[64], logits[10];
  const void *inputs[] = {image};
  void *outputs[] = {logits};
  while (fread(image, sizeof(image), 1, stdin) == 1) {
    if (digits_run(inputs, outputs, /*batch=*/1, workspace) != 0)
      return 1;
    int best = 0;
    for (int i = 1; i < 10; ++i)
      if (logits[i] > logits[best])
        best = i;
    printf("%d\n", best);
  }
  return 0;
}
