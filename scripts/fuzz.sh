#!/usr/bin/env bash
# Fuzzes the parsers of disk formats for a bounded time, with the stable compiler.
#
#   scripts/fuzz.sh [TARGET...]      all of fuzz/targets, and `differ`, when none is named
#
# FUZZ_SECONDS (60) is for each target. What a target finds is written to .cache/fuzz/TARGET-*; run it again with
# `target/fuzz/HOST/release/TARGET FILE`. `differ` holds what is accepted against qemu-img and oslo.utils.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
cache=$PWD/.cache/fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(flat qcow2 vmdk vhd vhdx vdi decompress differ)

guests/zoo.sh .cache/zoo
python3 - .cache/zoo "$cache" <<'PYTHON'
# Seeds: small files whole, those with tables far apart by the pieces that fuzz/targets reads.
import pathlib
import sys

zoo, cache = map(pathlib.Path, sys.argv[1:])
WHOLE = {"flat": "*.iso", "qcow2": "qcow2-*.qcow2", "vmdk": "*.vmdk", "decompress": "raw.raw.*"}
PIECES = {
    "vdi": [(0, 1024)],
    "vhd": [(0, 512), (512, 1024), (1536, 512)],
    "vhdx": [(0, 64), (0x10000, 128), (0x20000, 128), (0x30000, 256), (0x200000, 256), (0x300000, 512), (0x310000, 128)],
}


def seed(target, name, data):
    folder = cache / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


for target, pattern in WHOLE.items():
    for path in zoo.glob(pattern):
        if path.stat().st_size <= 512 << 10:
            seed(target, path.name, path.read_bytes())
for target, places in PIECES.items():
    for path in zoo.glob(f"{target}-*.{target}"):
        data = path.read_bytes()
        seed(target, path.name, b"".join(data[at : at + length] for at, length in places))
PYTHON

# LLVM's coverage pass, as libFuzzer wants it.
flags="-Cpasses=sancov-module -Ccodegen-units=1"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=" -Cllvm-args=-sanitizer-coverage-$option"
done
host=$(rustc -vV | sed -n 's/^host: //p')
build() {
    RUSTFLAGS=$flags cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml \
        --target-dir target/fuzz --target "$host"
}

for target in "${targets[@]}"; do
    echo "== $target, $seconds s"
    if [ "$target" = differ ]; then
        OSLO_PYTHON=$(scripts/clients.sh)/python3 FUZZ_SECONDS=$seconds \
            cargo test --quiet --locked -p effigy-disks --test it differ:: -- --nocapture
        continue
    fi
    [ -n "${built:-}" ] || build
    built=1
    # The decoder may hold a window of 128 MiB; the coverage tables and the corpus come on top of everything.
    memory=192
    [ "$target" != decompress ] || memory=448
    "target/fuzz/$host/release/$target" "$cache/$target" -max_total_time="$seconds" -timeout=5 \
        -rss_limit_mb=$memory -max_len=$((512 << 10)) -artifact_prefix="$cache/$target-" -verbosity=0 -print_final_stats=1
done
