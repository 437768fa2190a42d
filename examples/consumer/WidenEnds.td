// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef CONSUMER_WIDENENDS
#define CONSUMER_WIDENENDS

include "mlir/Pass/PassBase.td"

def WidenEnds : Pass<"consumer-widen-ends", "::mlir::func::FuncOp"> {
  let summary = "Give the first and the last layer more bits";
  let description = [{
    Few weights are in the first layer of a network, and its errors go through all others; the last one makes the
    result. Sets the alphabet of both to the default of `bits`, unless they have as many bits already. Runs between
    `gpfq-annotate-layers` and `gpfq-quantize-weights`.

    ```mlir
    linalg.matmul {lowbit.layer = #lowbit.layer<"fc", <mid_rise, [2]>, channel>} ...
    ```

    becomes, with `bits=8`,

    ```mlir
    linalg.matmul {lowbit.layer = #lowbit.layer<"fc", <mid_tread, [127]>, channel>} ...
    ```
  }];
  let options = [
    Option<"bits", "bits", "unsigned", /*default=*/"8", "Bits of a weight of these layers, 1 to 8">
  ];
  let statistics = [
    Statistic<"widened", "widened", "Number of layers that got more bits">
  ];
  let dependentDialects = ["::mlir::lowbit::LowBitDialect"];
}

#endif // CONSUMER_WIDENENDS
