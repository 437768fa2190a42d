# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
"""Prints a safetensors file: its layers, and the types, shapes and, for integers, elements of its tensors."""

import json
import pathlib
import struct
import sys

content = pathlib.Path(sys.argv[1]).read_bytes()
(length,) = struct.unpack_from("<Q", content)
header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
assert length % 8 == 0
metadata = header.pop("__metadata__")
print("format", metadata["format"], "version", metadata["version"])
for layer in json.loads(metadata["layers"]):
    print(layer["name"], layer["alphabet"], "bits", layer["bits"], layer["method"], "input", layer["input"])
end = 0
for name, tensor in sorted(header.items()):
    begin, stop = tensor["data_offsets"]
    end = max(end, stop)
    values = list(struct.unpack(f"<{stop - begin}b", data[begin:stop])) if tensor["dtype"] == "I8" else ""
    print(name, tensor["dtype"], tensor["shape"], values)
assert end == len(data)
