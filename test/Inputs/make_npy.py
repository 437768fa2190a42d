# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
"""Writes a small .npy file without numpy: make_npy.py OUT AxBxC [random|zeros|ones|signed|nan|inf|words] [TYPE]."""

import random
import struct
import sys


def main(path, shape, kind="random", dtype="<f4"):
    extents = [int(e) for e in shape.split("x")]
    count = 1
    for extent in extents:
        count *= extent
    generator = random.Random(1)
    values = {
        "zeros": lambda: 0.0,
        "ones": lambda: 1.0,
        "signed": lambda: generator.uniform(-1.0, 1.0),
        "words": lambda: generator.randrange(8),
    }.get(kind, generator.random)
    data = [values() for _ in range(count)]
    if kind in ("nan", "inf"):
        data[-1] = float(kind)
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({', '.join(map(str, extents))},), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    code = {"f4": "f", "f8": "d", "i4": "i", "i8": "q"}[dtype[1:]]
    if code in "iq":
        data = [int(value) for value in data]
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack(f"{dtype[0]}{count}{code}", *data))


if __name__ == "__main__":
    main(*sys.argv[1:])
