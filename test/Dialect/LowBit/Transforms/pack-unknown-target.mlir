// RUN: not gpfq-opt %s --lowbit-pack=target=z80 2>&1 | FileCheck %s
// CHECK: error: unknown target 'z80'; known are host, avx512vnni, avxvnni, avx2, generic
func.func @f() { return }
