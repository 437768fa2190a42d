/* Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* program INPUT OUTPUT: calls the functions listed in CASES, a file of CASE(name) lines. For each,
   INPUT has the number of buffers and for each of those its rank, sizes, bytes (64-bit integers)
   and contents; what is in the last one after the call goes to OUTPUT. Buffers end at an unmapped
   page, so that an access behind one is a fault. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_BUFFERS 8
#define MAX_RANK 8

typedef void kernel(void *, void *, void *, void *, void *, void *, void *, void *);

#define CASE(name) kernel name;
#include CASES
#undef CASE

#define CASE(name) name,
static kernel *const kernels[] = {
#include CASES
};

static void fail(const char *message) {
  fprintf(stderr, "%s\n", message);
  exit(1);
}

static int64_t read_number(FILE *file) {
  int64_t number;
  if (fread(&number, sizeof number, 1, file) != 1)
    fail("the input is too short");
  return number;
}

static void *map_guarded(int64_t bytes) {
  int64_t page = sysconf(_SC_PAGESIZE), usable = (bytes + page - 1) / page * page;
  char *base = mmap(0, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(base + usable, page, PROT_NONE) != 0)
    fail("cannot map a guarded buffer");
  return base + usable - bytes;
}

int main(int argc, char **argv) {
  FILE *input = argc == 3 ? fopen(argv[1], "rb") : 0,
       *output = argc == 3 ? fopen(argv[2], "wb") : 0;
  if (!input || !output)
    fail("usage: program INPUT OUTPUT");
  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; ++i) {
    /* Of each memref: pointer twice, offset, sizes, strides. */
    int64_t descriptors[MAX_BUFFERS][3 + 2 * MAX_RANK], bytes = 0, buffers = read_number(input);
    char *data = 0;
    if (buffers > MAX_BUFFERS)
      fail("too many buffers");
    for (int64_t b = 0; b < buffers; ++b) {
      int64_t *words = descriptors[b], rank = read_number(input), stride = 1;
      if (rank > MAX_RANK)
        fail("too many dimensions");
      for (int64_t d = 0; d < rank; ++d)
        words[3 + d] = read_number(input);
      for (int64_t d = rank; d-- > 0;) {
        words[3 + rank + d] = stride;
        stride *= words[3 + d];
      }
      bytes = read_number(input);
      data = map_guarded(bytes);
      if (fread(data, 1, bytes, input) != (size_t)bytes)
        fail("the input is too short");
      words[0] = words[1] = (int64_t)data;
      words[2] = 0;
    }
    kernels[i](descriptors[0], descriptors[1], descriptors[2], descriptors[3], descriptors[4],
               descriptors[5], descriptors[6], descriptors[7]);
    if (fwrite(data, 1, bytes, output) != (size_t)bytes)
      fail("cannot write the output");
  }
  return fclose(output) != 0;
}
