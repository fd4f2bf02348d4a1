#!/usr/bin/env python3
"""Makes a registry hive with some texts in it: hive.py FILE (KEY NAME TEXT)...

An empty hive is written by hand (one block for the head, one for the root key and its security), and hivex adds the
keys and values, as it would to one of Windows' own.
"""
import functools
import operator
import struct
import sys

import hivex

STAMP = 0x01D000000000000


def cell(content):
    size = (4 + len(content) + 7) // 8 * 8
    return struct.pack("<i", -size) + content.ljust(size - 4, b"\0")


def empty(path):
    name = b"ROOT"
    nowhere = 0xFFFFFFFF
    fields = (b"nk", 0x2C, STAMP, 0, nowhere, 0, 0, nowhere, nowhere, 0, nowhere, 0, nowhere, 0, 0, 0, 0, 0, len(name), 0)
    root = bytearray(cell(struct.pack("<2sHQIIIIIIIIIIIIIIIHH", *fields) + name))
    security_at = 32 + len(root)
    struct.pack_into("<I", root, 4 + 44, security_at)
    # Owner: administrators; no list of who may do what.
    owner = bytes.fromhex("01020000000000052000000020020000")
    descriptor = struct.pack("<BBHIIII", 1, 0, 0x8000, 20, 0, 0, 0) + owner
    head = struct.pack("<2sHIIII", b"sk", 0, security_at, security_at, 1, len(descriptor))
    security = cell(head + descriptor)
    left = 4096 - 32 - len(root) - len(security)
    block = b"hbin" + struct.pack("<II8xQI", 0, 4096, STAMP, 0) + bytes(root) + security
    block += struct.pack("<i", left) + b"\0" * (left - 4)
    base = bytearray(4096)
    struct.pack_into("<4sIIQIIIIIII", base, 0, b"regf", 1, 1, STAMP, 1, 5, 0, 1, 32, 4096, 1)
    words = struct.unpack_from("<127I", base)
    struct.pack_into("<I", base, 508, functools.reduce(operator.xor, words))
    with open(path, "wb") as file:
        file.write(bytes(base) + block)


def main():
    path, texts = sys.argv[1], sys.argv[2:]
    empty(path)
    hive = hivex.Hivex(path, write=True)
    for key, name, text in zip(texts[::3], texts[1::3], texts[2::3]):
        node = hive.root()
        for part in key.split("\\"):
            node = hive.node_get_child(node, part) or hive.node_add_child(node, part)
        hive.node_set_value(node, {"key": name, "t": 1, "value": (text + "\0").encode("utf-16-le")})
    hive.commit(None)


main()
