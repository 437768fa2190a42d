// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TOOLS_GPFQ_REDUCE_PASSES
#define GPFQ_TOOLS_GPFQ_REDUCE_PASSES

include "mlir/Pass/PassBase.td"

def ReduceNetwork : Pass<"gpfq-reduce-network", "::mlir::ModuleOp"> {
  let summary = "Take ops out of a network while it stays interesting";
  let description = [{
    Replaces ops of lowbit, linalg and tensor, from the last to the first and until nothing more goes, each by an
    operand or argument of the same type or by `tensor.empty`, and keeps what the test finds interesting. Types of the function
    stay as they are. Upstream's `reduction-tree` drops ops whose results are still used, which functions on tensors
    do not survive.

    `test` is a program that gets the name of a .mlir file as its last argument. As for mlir-reduce, status 1 says that
    the file is interesting and 0 that it is not.

    ```mlir
    %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %1 = linalg.matmul ins(%0, ...)
    ```

    With a test that looks for `linalg.matmul` this becomes

    ```mlir
    %1 = linalg.matmul ins(%x, ...)
    ```
  }];
  let options = [
    Option<"testerName", "test", "std::string", /*default=*/"", "The test">,
    ListOption<"testerArgs", "test-arg", "std::string", "Arguments of the test before the file">
  ];
  let statistics = [
    Statistic<"replaced", "replaced", "Number of ops taken out">,
    Statistic<"tests", "tests", "Number of times that the test ran">
  ];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

#endif // GPFQ_TOOLS_GPFQ_REDUCE_PASSES
