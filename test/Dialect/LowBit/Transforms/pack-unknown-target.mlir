// RUN: not gpfq-opt %s --lowbit-pack=target=z80 2>&1 | FileCheck %s
// CHECK: error: unknown target 'z80'; known are host, znver4, avx512vpopcntdq, avx512vnni, avxvnni, avx2, aarch64-i8mm, aarch64-dotprod, generic
func.func @f() { return }
