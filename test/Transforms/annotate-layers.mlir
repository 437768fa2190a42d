// RUN: gpfq-opt %s -gpfq-annotate-layers="weight-bits=4 skip=conv_2" | FileCheck %s
// RUN: gpfq-opt %s -gpfq-annotate-layers="weight-bits=2 granularity=tensor" | FileCheck %s --check-prefix=TWO
// RUN: gpfq-opt %s -gpfq-annotate-layers="alphabet=levels:-3:0:3" | FileCheck %s --check-prefix=LEVELS
// RUN: gpfq-opt %s -gpfq-annotate-layers="alphabet=hard_threshold:2:1.5" | FileCheck %s --check-prefix=HARD
// HARD: #lowbit.layer<{{.*}}, <levels, [-7, -5, -3, 0, 3, 5, 7]>, channel>
// RUN: gpfq-opt %s -gpfq-annotate-layers="alphabet=hard_threshold:1:0.777777" 2>&1 | FileCheck %s --check-prefix=ROUNDED
// ROUNDED: remark: hard_threshold:1:0.777777 is rounded to a threshold of 7/9 of the distance of its levels
// RUN: not gpfq-opt %s -gpfq-annotate-layers="alphabet=hard_threshold:2" 2>&1 | FileCheck %s --check-prefix=NOT-HARD
// NOT-HARD: error: 'hard_threshold:2' is not an alphabet; write hard_threshold:3:1.5
// RUN: gpfq-opt %s -gpfq-annotate-layers="policy=%S/Inputs/policy.json" | FileCheck %s --check-prefix=POLICY
// RUN: not gpfq-opt %s -gpfq-annotate-layers="weight-bits=9" 2>&1 | FileCheck %s --check-prefix=BITS
// RUN: not gpfq-opt %s -gpfq-annotate-layers="alphabet=mid_rise" 2>&1 | FileCheck %s --check-prefix=ALPHABET
// RUN: not gpfq-opt %s -gpfq-annotate-layers="granularity=row" 2>&1 | FileCheck %s --check-prefix=GRANULARITY
// RUN: not gpfq-opt %s -gpfq-annotate-layers="skip=absent" 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: not gpfq-opt %s -gpfq-annotate-layers="skip=a(" 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: not gpfq-opt %s -gpfq-annotate-layers="policy=%S/Inputs/policy-unmatched.json" 2>&1 | FileCheck %s --check-prefix=UNMATCHED
// RUN: not gpfq-opt %s -gpfq-annotate-layers="policy=%S/Inputs/policy-unknown-key.json" 2>&1 | FileCheck %s --check-prefix=KEY
// RUN: not gpfq-opt %s -gpfq-annotate-layers="policy=%S/Inputs/absent.json" 2>&1 | FileCheck %s --check-prefix=FILE

// BITS: error: weight-bits must be 1 to 8, got 9
// ALPHABET: error: 'mid_rise' is not an alphabet; write mid_tread:7
// GRANULARITY: error: granularity must be tensor, channel or block, got 'row'
// ABSENT: error: no layer is named 'absent'
// REGEX: error: 'a(' is not a regular expression
// UNMATCHED: error: no layer is named 'block.*' (policy file '{{.*}}policy-unmatched.json')
// KEY: error: policy file '{{.*}}policy-unknown-key.json', entry 0: unknown key "width"; known are match, bits, alphabet, granularity, block-size, skip
// FILE: error: policy file: cannot open input file '{{.*}}absent.json'

// RUN: gpfq-opt %s -gpfq-annotate-layers="granularity=block block-size=2" 2>&1 | FileCheck %s --check-prefix=BLOCK
// RUN: not gpfq-opt %s -gpfq-annotate-layers="granularity=block block-size=0" 2>&1 | FileCheck %s --check-prefix=BLOCK-SIZE
// BLOCK-SIZE: error: block-size must be at least 1, got 0
// BLOCK: remark: layer 'fc' has 3 input channels, no multiple of 2; it gets one scale for each output channel
// One block is one scale for each output channel.
// BLOCK: conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"stem", <mid_tread, [7]>, channel>}
// RUN: gpfq-opt %s -gpfq-annotate-layers="granularity=block block-size=1" 2>&1 | FileCheck %s --check-prefix=ONE
// ONE-NOT: remark: layer 'fc'
// ONE: linalg.matmul {lowbit.layer = #lowbit.layer<"fc", <mid_tread, [7]>, block, 1>}

// CHECK-LABEL: func @layers
// TWO-LABEL: func @layers
// LEVELS-LABEL: func @layers
// POLICY-LABEL: func @layers
func.func @layers(%x: tensor<1x4x4x1xf32>, %y: tensor<1x3xf32>, %dynamic: tensor<3x2xf32>) {
  %k = arith.constant dense<1.0> : tensor<2x3x3x1xf32>
  %d = arith.constant dense<1.0> : tensor<3x3x1xf32>
  %w = arith.constant dense_resource<fc.weight_1_1> : tensor<3x2xf32>
  %a = tensor.empty() : tensor<1x2x2x2xf32>
  %b = tensor.empty() : tensor<1x2x2x1xf32>
  %c = tensor.empty() : tensor<1x2xf32>
  // The location names a layer whose weights have no name.
  // CHECK: linalg.conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"stem", <mid_tread, [7]>, channel>}
  // TWO: linalg.conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"stem", <mid_rise, [2]>, tensor>}
  // LEVELS: linalg.conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"stem", <levels, [-3, 0, 3]>, channel>}
  // POLICY: linalg.conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"stem", <mid_tread, [127]>, channel>}
  %0 = linalg.conv_2d_nhwc_fhwc ins(%x, %k : tensor<1x4x4x1xf32>, tensor<2x3x3x1xf32>) outs(%a : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32> loc("stem")
  // CHECK: linalg.depthwise_conv_2d_nhwc_hwc {lowbit.layer = #lowbit.layer<"conv_1", <mid_tread, [7]>, channel>}
  // POLICY: linalg.depthwise_conv_2d_nhwc_hwc ins
  %1 = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %d : tensor<1x4x4x1xf32>, tensor<3x3x1xf32>) outs(%b : tensor<1x2x2x1xf32>) -> tensor<1x2x2x1xf32>
  // CHECK: linalg.conv_2d_nhwc_fhwc ins
  // POLICY: linalg.conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"conv_2", <mid_rise, [1]>, tensor>}
  %2 = linalg.conv_2d_nhwc_fhwc ins(%x, %k : tensor<1x4x4x1xf32>, tensor<2x3x3x1xf32>) outs(%a : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  // The resource names a layer, without the numbers of passes that replaced it; a second use gets a number.
  // CHECK: linalg.matmul {lowbit.layer = #lowbit.layer<"fc", <mid_tread, [7]>, channel>}
  // CHECK: linalg.matmul {lowbit.layer = #lowbit.layer<"fc_1", <mid_tread, [7]>, channel>}
  %3 = linalg.matmul ins(%y, %w : tensor<1x3xf32>, tensor<3x2xf32>) outs(%c : tensor<1x2xf32>) -> tensor<1x2xf32>
  %4 = linalg.matmul ins(%y, %w : tensor<1x3xf32>, tensor<3x2xf32>) outs(%c : tensor<1x2xf32>) -> tensor<1x2xf32>
  // CHECK: linalg.matmul ins
  %5 = linalg.matmul ins(%y, %dynamic : tensor<1x3xf32>, tensor<3x2xf32>) outs(%c : tensor<1x2xf32>) -> tensor<1x2xf32>
  return
}

{-# dialect_resources: { builtin: { fc.weight_1_1: "0x040000000000803F0000004000004040000080400000A0400000C040" } } #-}
