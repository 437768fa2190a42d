# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""python -m gpfq: the gpfq command."""

from .cli import main

if __name__ == "__main__":
    main()
