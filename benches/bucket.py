#!/usr/bin/env python3
"""A store in a bucket beside one in a folder, in the same run.

    scripts/bucket.sh benches/bucket.py [--quick] [--keep]        (or: make bench-bucket)

EFFIGY_TEST_STORE is the address of a server of S3 that has the bucket `images`. The limit of an upload is what `curl` does when
it sends the same bytes there in objects of 16 MiB, four at once; that of a cold read, what it takes to fetch them.
"Cold" is a service whose folder was removed. MB are 10^6 bytes.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
import uuid

from service import ROOT, Service
from whole import MIB, noise, row, settled

KEY, SECRET = "effigy-test", "not-a-secret-at-all"
OBJECT = 16 * MIB


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="smaller files, to try the script")
    arguments.add_argument("--keep", action="store_true", help="keep the folder")
    chosen = arguments.parse_args()
    endpoint = os.environ["EFFIGY_TEST_STORE"]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="effigy-bench-bucket-"))
    (folder / "secret").write_text(SECRET)
    settings = f"""
[log]
filter = "warn"
[stores.s3]
backend = "s3"
bucket = "images"
prefix = "{uuid.uuid4().hex}"
endpoint = "{endpoint}"
access_key = "{KEY}"
secret_key_file = "{folder}/secret"
"""
    service = Service(os.environ.get("EFFIGY", ROOT / "target/release/effigy"), folder, settings)
    print(f"{'what':<46}{'bucket':>14}{'folder, or limit, same run':>32}{'of it':>10}")
    try:
        service.start()
        service.wait()
        service.sign_in()
        measure(service, folder, endpoint, 128 * MIB if chosen.quick else 1024 * MIB)
    finally:
        service.stop()
        service.end_guests()
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)


def measure(service, folder, endpoint, size):
    file = folder / "random"
    # The bytes of each upload are new to both stores.
    rates = {"s3": [], "local": []}
    for n in range(3):
        for store in rates:
            noise(file, size, seed=f"{store}{n}".__hash__() & 0xffff)
            settled()
            image = service.create_image(f"{store}-{n}")
            rates[store].append(size / upload(service, image, file, store) / 1e6)
            if store == "s3":
                large = image
    here, local = statistics.median(rates["s3"]), statistics.median(rates["local"])
    row("upload of random bytes, one curl -T", f"{here:.0f} MB/s", f"folder: {local:.0f} MB/s", f"{here / local:.2f}")
    sent = size / send(endpoint, file, size) / 1e6
    row("", f"{here:.0f} MB/s", f"objects by curl: {sent:.0f} MB/s", f"{here / sent:.2f}")

    small, times = folder / "small", {"s3": [], "local": []}
    for n in range(15):
        for store in times:
            noise(small, MIB, seed=1_000 + 2 * n + (store == "s3"))
            image = service.create_image(f"small-{store}-{n}")
            times[store].append(upload(service, image, small, store))
    here, local = statistics.median(times["s3"]), statistics.median(times["local"])
    row("upload of 1 MiB, to its answer", f"{here * 1e3:.0f} ms", f"folder: {local * 1e3:.0f} ms", f"{here / local:.2f}")

    path = f"/image/v2/images/{large}/file"
    warm = size / service.curl(path) / 1e6
    cold_start(service, folder)
    cold = size / service.curl(path) / 1e6
    fetched = size / fetch(endpoint, size) / 1e6
    again = size / service.curl(path) / 1e6
    row("download, the folder warm", f"{warm:.0f} MB/s")
    row("download, the folder cold", f"{cold:.0f} MB/s", f"objects by curl: {fetched:.0f} MB/s", f"{cold / fetched:.2f}")
    row("download, once more", f"{again:.0f} MB/s")

    disk = folder / "disk"
    guest(disk)
    image = service.create_image("guest")
    upload(service, image, disk, "s3")
    flavor = service.flavor("m1.tiny")
    for state in ("cold", "warm"):
        if state == "cold":
            cold_start(service, folder)
        began = time.perf_counter()
        [instance], seconds = service.launch(f"guest-{state}", image, flavor)
        service.says(instance, "TINY-READY", patience=120)
        boot = time.perf_counter() - began
        row(f"launch to the running QEMU, {state}", f"{seconds * 1e3:.0f} ms", "goal: 100 ms")
        row(f"boot of a real Linux, {state}", f"{boot:.1f} s")
        service.ask("DELETE", f"/compute/v2.1/servers/{instance}")


def upload(service, image, file, store):
    """The seconds of one upload to a store."""
    return service.curl("-T", str(file), "-H", "Content-Type: application/octet-stream", "-H", "Expect:",
                        "-H", f"x-image-meta-store: {store}", f"/image/v2/images/{image}/file")


def cold_start(service, folder):
    service.stop()
    shutil.rmtree(service.data / "s3")
    service.start()
    service.wait()


def guest(disk):
    """The smallest guest with a real kernel."""
    made = ROOT / ".cache/guests/tiny.raw"
    if not made.exists():
        subprocess.run([ROOT / "guests/tiny.sh", made.parent], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(made, disk)


def signed(*arguments):
    subprocess.run(["curl", "-sSf", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{KEY}:{SECRET}", *arguments],
                   check=True)


def each(count, work):
    """The seconds of so many requests, four at once."""
    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(count)))
    return time.perf_counter() - began


def send(endpoint, file, size):
    pieces = file.parent / "pieces"
    pieces.mkdir()
    with open(file, "rb") as whole:
        for n in range(size // OBJECT):
            (pieces / str(n)).write_bytes(whole.read(OBJECT))
    digests = [hashlib.sha256((pieces / str(n)).read_bytes()).hexdigest() for n in range(size // OBJECT)]
    settled()
    return each(size // OBJECT, lambda n: signed(
        "-H", f"x-amz-content-sha256: {digests[n]}", "-T", str(pieces / str(n)), f"{endpoint}/images/bench/{n}"))


def fetch(endpoint, size):
    empty = hashlib.sha256(b"").hexdigest()
    return each(size // OBJECT, lambda n: signed(
        "-H", f"x-amz-content-sha256: {empty}", "-o", "/dev/null", f"{endpoint}/images/bench/{n}"))


if __name__ == "__main__":
    main()
