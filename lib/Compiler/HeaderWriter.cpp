// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/Abi.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Declarations that are the same in every header; guarded, so that several headers can be
/// included.
static constexpr StringLiteral kAbiDeclarations = R"(#ifndef GPFQ_MODEL_ABI_VERSION
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
)";

static void writeTensors(llvm::raw_ostream &os, StringRef title, ArrayRef<TensorInfo> tensors) {
  static constexpr StringLiteral types[] = {"float", "uint8_t", "int8_t", "int32_t", "int64_t"};
  for (auto [i, tensor] : llvm::enumerate(tensors)) {
    os << "     " << title << "[" << i << "]  " << types[int32_t(tensor.kind)] << " ";
    for (int64_t size : tensor.shape) {
      if (ShapedType::isDynamic(size))
        os << "[batch]";
      else
        os << "[" << size << "]";
    }
    os << "\n";
  }
}

static void writeParallel(llvm::raw_ostream &os, const ModelInterface &interface) {
  const std::string &name = interface.symbol;
  if (interface.parallelism == Parallelism::None)
    return;
  os << "/* The same, spread over the threads of `parallel`; on the caller's alone if that is "
        "NULL. "
        "The outputs do\n"
        "   not depend on it. */\n"
     << "int32_t " << name << "_run_parallel(const void *const *inputs, void *const *outputs, "
     << "int64_t batch,\n    void *workspace, const gpfq_parallel *parallel);\n\n";
  if (interface.parallelism != Parallelism::Pool)
    return;
  os << "/* A pool of `threads` threads, 1 to 256, the caller of a run among them. `flags` is 0, "
        "or 1 "
        "to keep thread\n"
        "   i on the i-th CPU of the process. NULL for bad arguments, or if the system gives no "
        "memory or threads.\n"
        "   Several runs may use one pool; those that find it busy run on their own. */\n"
     << "const gpfq_parallel *" << name << "_pool_create(int32_t threads, int32_t flags);\n\n"
     << "/* Ends the threads. No run may be under way. */\n"
     << "void " << name << "_pool_destroy(const gpfq_parallel *pool);\n\n";
}

static void writeProfile(llvm::raw_ostream &os, const ModelInterface &interface) {
  if (!interface.profiledLayers)
    return;
  os << "/* Ticks of the CPU's clock in all runs so far: ticks[0] of the whole network, ticks[1 + "
        "i] of "
        "layers[i]. The\n"
        "   caller may set them to 0. `now` is the clock, to tell how long a tick is. Returns the "
        "number of "
        "layers. */\n"
     << "int32_t " << interface.symbol
     << "_profile(const char *const **layers, uint64_t **ticks, uint64_t *now);\n\n";
}

void mlir::gpfq::writeHeader(llvm::raw_ostream &os, const ModelInterface &interface) {
  const std::string &name = interface.symbol;
  std::string upper = StringRef(name).upper();
  os << "/* Made by gpfq-compile for " << interface.target << ". C99 and C++. */\n\n"
     << "#ifndef GPFQ_MODEL_" << upper << "_H\n#define GPFQ_MODEL_" << upper
     << "_H\n\n#include <stdint.h>\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << kAbiDeclarations << "\n"
     << "/* Bytes of scratch memory of one run, and their alignment. */\n"
     << llvm::formatv("#define {0}_WORKSPACE_BYTES {1}\n#define {0}_WORKSPACE_ALIGNMENT {2}\n\n",
                      upper, interface.workspaceBytes, interface.workspaceAlignment)
     << "/* Name, target, shapes and sizes; also gives the two functions below. */\n"
     << "const gpfq_model_info *" << name << "_info(void);\n\n"
     << "/* NULL if this CPU can run the network, else a message that says why not. Runs on any "
        "CPU of the\n"
        "   architecture; call it once before the first run. */\n"
     << "const char *" << name << "_check(void);\n\n"
     << "/* Runs the network.\n\n";
  writeTensors(os, "inputs", interface.inputs);
  writeTensors(os, "outputs", interface.outputs);
  os << "\n   `batch` is the number of samples"
     << (interface.dynamicBatch ? ", 0 or more" : ": 1, the shapes are fixed")
     << ". `workspace` has " << upper << "_WORKSPACE_BYTES bytes.\n"
     << "   Tensors and workspace must not overlap. Nothing is allocated or kept: threads may run "
        "at the same time,\n"
        "   each with a workspace of its own.\n"
     << "   Returns 0, or 1 for a bad `batch`, 2 for a null pointer, 3 for a misaligned workspace, "
        "4 for a CPU\n"
        "   that cannot run the network; then nothing has been written. */\n"
     << "int32_t " << name
     << "_run(const void *const *inputs, void *const *outputs, int64_t batch, void "
        "*workspace);\n\n";
  writeParallel(os, interface);
  writeProfile(os, interface);
  os << "#ifdef __cplusplus\n}\n#endif\n\n#endif /* GPFQ_MODEL_" << upper << "_H */\n";
}
