/* Made by gpfq-compile for avx512vpopcntdq. C99 and C++. */

#ifndef GPFQ_MODEL_NET_H
#define GPFQ_MODEL_NET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef GPFQ_MODEL_ABI_VERSION
#define GPFQ_MODEL_ABI_VERSION 1

/* A tensor is dense and row-major. */
typedef struct {
  const char *name;
  int32_t dtype; /* 0 f32, 1 u8, 2 i8, 3 i32, 4 i64 */
  int32_t rank;
  const int64_t *shape; /* the first dimension is -1 when the batch is dynamic */
} gpfq_tensor_info;

/* How a run is spread over threads; a host that has its own fills one in. */
#ifndef GPFQ_PARALLEL_DECLARED
#define GPFQ_PARALLEL_DECLARED
typedef struct gpfq_parallel {
  /* Calls body(context, i) once for each i from 0 to count - 1, on any threads, in any order, and
     returns after the last call has returned. */
  void (*parallel_for)(void *self, int64_t count, void (*body)(void *context, int64_t index),
                       void *context);
  void *self; /* passed to parallel_for */
} gpfq_parallel;
#endif /* GPFQ_PARALLEL_DECLARED */

typedef struct gpfq_model_info {
  uint32_t abi_version;  /* GPFQ_MODEL_ABI_VERSION */
  uint32_t struct_bytes; /* sizeof(gpfq_model_info) when the library was made */
  const char *name;
  const char *target;
  int32_t num_inputs, num_outputs;
  const gpfq_tensor_info *inputs, *outputs;
  uint64_t workspace_bytes, workspace_alignment, weight_bytes;
  const char *(*check)(void);
  int32_t (*run)(const void *const *inputs, void *const *outputs, int64_t batch, void *workspace);
  /* NULL in a library without threads; the last two are NULL without a pool. */
  int32_t (*run_parallel)(const void *const *inputs, void *const *outputs, int64_t batch,
                          void *workspace, const gpfq_parallel *parallel);
  const gpfq_parallel *(*pool_create)(int32_t threads, int32_t flags);
  void (*pool_destroy)(const gpfq_parallel *pool);
} gpfq_model_info;

#endif /* GPFQ_MODEL_ABI_VERSION */

/* Bytes of scratch memory of one run, and their alignment. */
#define NET_WORKSPACE_BYTES 2432
#define NET_WORKSPACE_ALIGNMENT 64

/* Name, target, shapes and sizes; also gives the two functions below. */
const gpfq_model_info *net_info(void);

/* NULL if this CPU can run the network, else a message that says why not. Runs on any CPU of the
   architecture; call it once before the first run. */
const char *net_check(void);

/* Runs the network.

     inputs[0]  float [1][8][32]
     outputs[0]  float [1][8][24]

   `batch` is the number of samples: 1, the shapes are fixed. `workspace` has NET_WORKSPACE_BYTES bytes.
   Tensors and workspace must not overlap. Nothing is allocated or kept: threads may run at the same time,
   each with a workspace of its own.
   Returns 0, or 1 for a bad `batch`, 2 for a null pointer, 3 for a misaligned workspace, 4 for a CPU
   that cannot run the network; then nothing has been written. */
int32_t net_run(const void *const *inputs, void *const *outputs, int64_t batch, void *workspace);

#ifdef __cplusplus
}
#endif

#endif /* GPFQ_MODEL_NET_H */
