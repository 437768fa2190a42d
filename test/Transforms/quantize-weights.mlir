// RUN: %python %S/../Inputs/make_npy.py %t.npy 200x6x6x4 signed
// RUN: rm -rf %t.run %t.json
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy report=%t.json" 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// RUN: FileCheck %s --check-prefix=REPORT --input-file=%t.json

// The same levels with one thread, everything in the temporary file, another block size, a straight run
// with a checkpoint, a resumed one and one that resumes after the loss of a layer.
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy" -o %t.straight.mlir 2>/dev/null
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy threads=1" -o %t.serial.mlir 2>/dev/null
// RUN: cmp %t.straight.mlir %t.serial.mlir
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy memory-budget=65000" -o %t.mapped.mlir 2>/dev/null
// RUN: cmp %t.straight.mlir %t.mapped.mlir
// RUN: not env TMPDIR=/nonexistent gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy memory-budget=65000" 2>&1 | FileCheck %s --check-prefix=MAPPED
// MAPPED: error: cannot create a temporary file in '/nonexistent'
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy block-size=1" -o %t.unblocked.mlir 2>/dev/null
// RUN: cmp %t.straight.mlir %t.unblocked.mlir
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy checkpoint=%t.run" -o %t.stored.mlir 2>/dev/null
// RUN: cmp %t.straight.mlir %t.stored.mlir
// RUN: rm %t.run/layer-0002
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy checkpoint=%t.run" -o %t.resumed.mlir 2>/dev/null
// RUN: cmp %t.straight.mlir %t.resumed.mlir

// Another calibration file is another run.
// RUN: %python %S/../Inputs/make_npy.py %t.other.npy 200x6x6x4 ones
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.other.npy checkpoint=%t.run" 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: error: checkpoint directory '{{.*}}' belongs to another model, other data or other options

// REMARK: remark: layer 'depthwise' has 1 output channels whose weights are all 0
// REMARK: remark: carries no lowbit.layer and stays float
// REPORT: "alphabet": "
// REPORT: "name": "conv"
// REPORT-COUNT-4: "name": "
// REPORT-NOT: "name"

// CHECK-LABEL: func @network
// CHECK: %[[W0:.*]] = lowbit.dequantize %{{.*}}, %{{.*}} axis 0 alphabet <mid_tread, [7]> layer "conv" : tensor<4x3x3x4xi8>, tensor<4xf32>
// CHECK: linalg.conv_2d_nhwc_fhwc
// CHECK-NOT: lowbit.layer
// CHECK-SAME: ins(%{{.*}}, %[[W0]] :
// CHECK: %[[W1:.*]] = lowbit.dequantize %{{.*}}, %{{.*}} axis 2 alphabet <mid_rise, [2]> layer "depthwise" : tensor<3x3x4xi8>, tensor<4xf32>
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc {{.*}} ins(%{{.*}}, %[[W1]] :
// CHECK: %[[W2:.*]] = lowbit.dequantize %{{.*}}, %{{.*}} axis 3 alphabet <range, [-2, 1]> layer "hwcf" : tensor<1x1x4x8xi8>, tensor<8xf32>
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} ins(%{{.*}}, %[[W2]] :
// CHECK: %[[W3:.*]] = lowbit.dequantize %{{.*}}, %{{.*}} axis 0 alphabet <mid_tread, [7]> layer "grouped" : tensor<4x1x1x4xi8>, tensor<4xf32>
// CHECK: %[[E3:.*]] = tensor.expand_shape %[[W3]] {{.*}} into tensor<2x2x1x1x4xf32>
// CHECK: linalg.conv_2d_nhwgc_gfhwc {{.*}} ins(%{{.*}}, %[[E3]] :
// CHECK: %[[W4:.*]] = lowbit.dequantize %{{.*}}, %{{.*}} alphabet <mid_tread, [7]> layer "batched" : tensor<1x4x3xi8>, tensor<1xf32>
// CHECK: linalg.batch_matmul ins(%{{.*}}, %[[W4]] :
// The last one stays float.
// CHECK-NOT: lowbit.dequantize
// CHECK: linalg.matmul
func.func @network(%x: tensor<1x6x6x4xf32>) -> tensor<16x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w0 = arith.constant dense_resource<w0> : tensor<4x3x3x4xf32>
  %w1 = arith.constant dense<[[[0.5, 0.0, 1.0, -0.5], [0.25, 0.0, -1.0, 0.5], [0.75, 0.0, 0.5, 0.5]],
                              [[0.5, 0.0, 1.0, -0.5], [0.25, 0.0, -1.0, 0.5], [0.75, 0.0, 0.5, 0.5]],
                              [[0.1, 0.0, 0.2, -0.3], [0.25, 0.0, -1.0, 0.5], [0.75, 0.0, 0.5, 0.5]]]> : tensor<3x3x4xf32>
  %w2 = arith.constant dense_resource<w2> : tensor<1x1x4x8xf32>
  %w3 = arith.constant dense<[[[[[0.5, -0.25, 0.125, 1.0]]], [[[0.75, 0.5, -0.5, 0.25]]]],
                              [[[[-0.5, 0.3, 0.2, 0.9]]], [[[0.1, 0.7, -0.2, 0.4]]]]]> : tensor<2x2x1x1x4xf32>
  %w4 = arith.constant dense<[[[0.5, -0.25, 0.3], [0.75, 0.5, -0.4], [0.1, 0.2, 0.3], [-0.5, 0.9, 0.2]]]> : tensor<1x4x3xf32>
  %w5 = arith.constant dense<[[0.5, -0.25], [0.75, 0.5], [0.1, 0.2]]> : tensor<3x2xf32>
  %b0 = arith.constant dense<[0.1, 0.2, 0.3, 0.4]> : tensor<4xf32>

  // Padded, with a bias.
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x6x6x4xf32> to tensor<1x8x8x4xf32>
  %e0 = tensor.empty() : tensor<1x6x6x4xf32>
  %i0 = linalg.broadcast ins(%b0 : tensor<4xf32>) outs(%e0 : tensor<1x6x6x4xf32>) dimensions = [0, 1, 2]
  %y0 = linalg.conv_2d_nhwc_fhwc {lowbit.layer = #lowbit.layer<"conv", <mid_tread, [7]>, channel>, dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%p, %w0 : tensor<1x8x8x4xf32>, tensor<4x3x3x4xf32>) outs(%i0 : tensor<1x6x6x4xf32>) -> tensor<1x6x6x4xf32>

  %e1 = tensor.empty() : tensor<1x4x4x4xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %y1 = linalg.depthwise_conv_2d_nhwc_hwc {lowbit.layer = #lowbit.layer<"depthwise", <mid_rise, [2]>, channel>, dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%y0, %w1 : tensor<1x6x6x4xf32>, tensor<3x3x4xf32>) outs(%i1 : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>

  %e2 = tensor.empty() : tensor<1x4x4x8xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %y2 = linalg.conv_2d_nhwc_hwcf {lowbit.layer = #lowbit.layer<"hwcf", <range, [-2, 1]>, channel>, dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%y1, %w2 : tensor<1x4x4x4xf32>, tensor<1x1x4x8xf32>) outs(%i2 : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>

  %g = tensor.expand_shape %y2 [[0], [1], [2], [3, 4]] output_shape [1, 4, 4, 2, 4] : tensor<1x4x4x8xf32> into tensor<1x4x4x2x4xf32>
  %e3 = tensor.empty() : tensor<1x4x4x2x2xf32>
  %i3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<1x4x4x2x2xf32>) -> tensor<1x4x4x2x2xf32>
  %y3 = linalg.conv_2d_nhwgc_gfhwc {lowbit.layer = #lowbit.layer<"grouped", <mid_tread, [7]>, channel>, dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%g, %w3 : tensor<1x4x4x2x4xf32>, tensor<2x2x1x1x4xf32>) outs(%i3 : tensor<1x4x4x2x2xf32>) -> tensor<1x4x4x2x2xf32>

  %m = tensor.collapse_shape %y3 [[0], [1, 2], [3, 4]] : tensor<1x4x4x2x2xf32> into tensor<1x16x4xf32>
  %e4 = tensor.empty() : tensor<1x16x3xf32>
  %i4 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<1x16x3xf32>) -> tensor<1x16x3xf32>
  %y4 = linalg.batch_matmul {lowbit.layer = #lowbit.layer<"batched", <mid_tread, [7]>, tensor>}
      ins(%m, %w4 : tensor<1x16x4xf32>, tensor<1x4x3xf32>) outs(%i4 : tensor<1x16x3xf32>) -> tensor<1x16x3xf32>

  %n = tensor.collapse_shape %y4 [[0, 1], [2]] : tensor<1x16x3xf32> into tensor<16x3xf32>
  %e5 = tensor.empty() : tensor<16x2xf32>
  %i5 = linalg.fill ins(%zero : f32) outs(%e5 : tensor<16x2xf32>) -> tensor<16x2xf32>
  %y5 = linalg.matmul ins(%n, %w5 : tensor<16x3xf32>, tensor<3x2xf32>) outs(%i5 : tensor<16x2xf32>) -> tensor<16x2xf32>
  return %y5 : tensor<16x2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      w0: "0x04000000802906bfb429b53d792a85be07d4543ed3bc803e00735ebf0c4279bfbfc82c3fe76bf6bec60508bf29c57d3ff29973bdad442c3feab641bde1678e3e67e232bfea188a3e6f703c3f86e63d3dba0af73e7d86af3e45375fbfc136043f6b923a3e7e80cbbe3a1f70bf63263b3f4e3d5fbd6113e03ec0f3413fc244db3e3f9a573f6d1d57beb7101a3f08d5e2bd39055f3fd0fa413f781a4ebf4a623abf16e710bf6a536e3f91bd02be17b0813ecabfcbbe8d566d3cf3be69beecaa98be553b2e3e348c2c3e89f34e3f8659ba3ec29e5b3f237a363fff627b3f5562af3e357e2cbf7ca5383f5fe46d3f50344f3f3c880d3ed9f2da3e6de713bf84c8293f2198163e1c34dcbe18825fbff337353fdbc77a3fc2ad52bfa1e7193fca5f37bee1ce32bf2c0ed3be179f093f52db3e3fec5f69bf08906a3e98fd68bfdcaedf3e5b1aadbe0506433fe415763f649d313c913c7f3fdae5c2be4c9758bf72504c3e41ef6fbf5ff01abffb8b3cbe963c623eb00630bfda456abf894d3c3f36a3bebe69d56a3ff9164b3fa3497abe8229a2bd1a70243d9057933e46e4433ebabbf23db104763e1c99613f3441663c71eb0cbe4699e13ea05406bfe3afcbbedaa1743f25132d3d075fc63d3f227abf33a62dbecdc4233ea1bb75bf79276d3e565a873e213d61bfb565823efd3c8abd8b95b73e0ff696bec4ead33e43bff33e80a474bf14fc60bfab3eb43e64366d3fcdd9febe0df2b2bdc1ca3d3e444bb8be5b4f8bbe43d3bfbe80fc85be35d5433ee762ccbe5c937bbe6c670b3f623772bf24d70d3e3dd1f03e",
      w2: "0x04000000fc8ac2be850f0ebfae8c1b3fbfc905bfd90d20bfdea304beecd1ca3e68db4bbf8d4eb6be7c3caabe9cc52a3f0e30fcbdb508363f945329bf6f35a7be84d6993e6311453f1349c8bd27c90cbfdd1642bfa4b5723df74e1ebfe8111d3fc74c2d3ffa0022bfbeb8e2bec84c1d3f0058913ed4cd1c3f2f6e9ebe63993dbfec0cd5be"
    }
  }
#-}
