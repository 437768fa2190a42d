/* Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Runs the network of net.h, which has one f32 input and output, on each sample of standard input;
 * writes the outputs. */

#include "net.h"

#include <stdio.h>
#include <stdlib.h>

static size_t count_elements(const gpfq_tensor_info *tensor) {
  size_t elements = 1;
  for (int32_t i = 0; i < tensor->rank; ++i)
    if (tensor->shape[i] >= 0)
      elements *= (size_t)tensor->shape[i];
  return elements;
}

int main(void) {
  const gpfq_model_info *info = net_info();
  const char *problem = info->check();
  if (problem) {
    fprintf(stderr, "%s\n", problem);
    return 1;
  }
  size_t input_elements = count_elements(info->inputs),
         output_elements = count_elements(info->outputs);
  size_t alignment = info->workspace_alignment;
  float *input = malloc(input_elements * sizeof(float)),
        *output = malloc(output_elements * sizeof(float));
  void *workspace = aligned_alloc(alignment, (info->workspace_bytes / alignment + 1) * alignment);
  const void *inputs[] = {input};
  void *outputs[] = {output};
  if (!input || !output || !workspace)
    return 1;
  while (fread(input, sizeof(float), input_elements, stdin) == input_elements)
    if (info->run(inputs, outputs, 1, workspace) != 0 ||
        fwrite(output, sizeof(float), output_elements, stdout) != output_elements)
      return 1;
  return 0;
}
