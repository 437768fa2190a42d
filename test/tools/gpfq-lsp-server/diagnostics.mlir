// The language server knows the dialect: it publishes the diagnostics of its verifier and shows its ops.

// RUN: gpfq-lsp-server -lit-test < %s | FileCheck -strict-whitespace %s
{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"processId":123,"rootPath":"mlir","capabilities":{},"trace":"off"}}
// -----
{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{
  "uri":"test:///bad.mlir",
  "languageId":"mlir",
  "version":1,
  "text":"#alphabet = #lowbit.alphabet<mid_tread, [0]>"
}}}
// CHECK: "method": "textDocument/publishDiagnostics",
// CHECK: "message": "mid_tread takes K in 1..127, got 0",
// -----
{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{
  "uri":"test:///good.mlir",
  "languageId":"mlir",
  "version":1,
  "text":"func.func @f(%x: tensor<4xi8>, %s: tensor<1xf32>) -> tensor<4xf32> {\n  %y = lowbit.dequantize %x, %s : tensor<4xi8>, tensor<1xf32> -> tensor<4xf32>\n  return %y : tensor<4xf32>\n}"
}}}
// CHECK: "method": "textDocument/publishDiagnostics",
// CHECK: "diagnostics": [],
// CHECK: "uri": "test:///good.mlir",
// -----
{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{
  "textDocument":{"uri":"test:///good.mlir"},
  "position":{"line":1,"character":10}
}}
// CHECK: "id": 1
// CHECK: "value": "\"lowbit.dequantize\"
// -----
{"jsonrpc":"2.0","id":2,"method":"shutdown"}
// -----
{"jsonrpc":"2.0","method":"exit"}
