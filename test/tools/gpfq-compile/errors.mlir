// Every failure is a message that says what to do, exit status 1, and no file.

// RUN: rm -rf %t && split-file %s %t && cd %t

// RUN: not gpfq-compile good.mlir --float -o /no/such/folder/libnet.so 2>&1 | FileCheck good.mlir --check-prefix=FOLDER
// RUN: not gpfq-compile good.mlir --float -o net.exe 2>&1 | FileCheck good.mlir --check-prefix=EXTENSION
// RUN: not gpfq-compile missing.mlir --float -o libnet.so 2>&1 | FileCheck good.mlir --check-prefix=MISSING
// RUN: not gpfq-compile good.mlir --float --target=vax -o libnet.so 2>&1 | FileCheck good.mlir --check-prefix=TARGET
// RUN: not gpfq-compile good.mlir --float --name=1x -o libnet.so 2>&1 | FileCheck good.mlir --check-prefix=NAME
// RUN: not gpfq-compile two.mlir --float -o libnet.so 2>&1 | FileCheck two.mlir
// RUN: not gpfq-compile none.mlir --float -o libnet.so 2>&1 | FileCheck none.mlir
// RUN: not gpfq-compile spatial.mlir --float -o libnet.so 2>&1 | FileCheck spatial.mlir
// RUN: not gpfq-compile flow.mlir --float -o libnet.so 2>&1 | FileCheck flow.mlir
// RUN: not gpfq-compile double.mlir --float -o libnet.so 2>&1 | FileCheck double.mlir
// RUN: not gpfq-compile half.mlir --float -o libnet.so 2>&1 | FileCheck half.mlir
// RUN: not gpfq-compile syntax.mlir --float -o libnet.so 2>&1 | FileCheck syntax.mlir
// RUN: ls | not grep -E "net|tmp"

//--- good.mlir
// FOLDER: error: cannot write '/no/such/folder/libnet.so': No such file or directory
// EXTENSION: error: cannot tell what 'net.exe' should be: give it the extension .so, .a or .o
// MISSING: missing.mlir
// TARGET: error: {{.*}}vax
// NAME: '1x' is not a C identifier
func.func @f(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}

//--- two.mlir
// CHECK: two.mlir:6:1: error: the module has two public functions
// CHECK: two.mlir:3:1: note: the other one is here
func.func @f(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}
func.func @g(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}

//--- none.mlir
// CHECK: error: the module has no public function to compile
func.func private @f(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}

//--- spatial.mlir
// CHECK: error: input0 has type 'tensor<1x?xf32>': dimension 1 is dynamic; only the first (batch) may be; export the network for a fixed size
func.func @f(%x: tensor<1x?xf32>) -> tensor<1x?xf32> {
  return %x : tensor<1x?xf32>
}

//--- flow.mlir
// CHECK: error: the function has control flow; a network must be one block
func.func @f(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  cf.br ^bb1
^bb1:
  return %x : tensor<1x4xf32>
}

//--- double.mlir
// CHECK: error: input0 has type 'tensor<1x4xf64>'; a library takes and gives
func.func @f(%x: tensor<1x4xf64>) -> tensor<1x4xf64> {
  return %x : tensor<1x4xf64>
}

//--- half.mlir
// CHECK: error: the first dimension of some arguments or results is dynamic
func.func @f(%x: tensor<?x4xf32>, %y: tensor<1x4xf32>) -> tensor<?x4xf32> {
  return %x : tensor<?x4xf32>
}

//--- syntax.mlir
// CHECK: syntax.mlir:2:{{.*}}error:
func.func @f(
