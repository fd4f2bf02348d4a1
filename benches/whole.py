#!/usr/bin/env python3
"""The figures of the whole program, each beside its goal and the limit of this machine in this run.

    benches/whole.py [--only WORD,...] [--quick] [--keep]        (or: make bench)

The limit is what a bare tool does with the same bytes a moment before or after: openssl for the
checksums, nginx's sendfile for a download, cp for a flat copy, zstd for the changed bytes. Compare
ratios, not seconds: a busy machine is slow for both. The peer's figures were recorded once, on a
quiet machine of two cores, and are printed for orientation: they are not measured here.
MB are 10^6 bytes.
"""

import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import random
import re
import resource
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

from service import ROOT, Service

MIB = 1 << 20


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--only", default="", help="of: start images storage list slow capture launch inside")
    arguments.add_argument("--quick", action="store_true", help="smaller files and fewer images, to try the script")
    arguments.add_argument("--keep", action="store_true", help="keep the folder")
    chosen = arguments.parse_args()
    only = [word for word in chosen.only.split(",") if word]
    program = os.environ.get("EFFIGY", ROOT / "target/release/effigy")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="effigy-bench-"))
    print(f"{'what':<46}{'here':>14}{'limit, same run':>32}{'of limit':>10}{'goal':>16}   peer (recorded)")
    parts = [start, images, storage, list_many, slow_peers, capture, launch, inside]
    try:
        for part in parts:
            if not only or part.__name__.split("_")[0] in only:
                run(part, program, folder, chosen.quick)
    finally:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)


def run(part, program, folder, quick):
    """One part with a service of its own."""
    own = folder / part.__name__
    own.mkdir()
    service = Service(program, own, '[log]\nfilter = "warn"\n[server]\nconnections_per_address = 20000\n')
    service.start()
    service.wait()
    try:
        service.sign_in()
        part(service, own, quick)
    finally:
        service.stop()
        service.end_guests()


def row(what, here, limit="", ratio="", goal="", peer=""):
    print(f"{what:<46}{here:>14}{limit:>32}{ratio:>10}{goal:>16}   {peer}", flush=True)


# ---------------------------------------------------------------- start-up and rest


def start(service, folder, quick):
    row("memory at rest, just started", f"{service.memory_mib():.0f} MiB", goal="<= 40 MiB", peer="268 MiB")
    times, processors = [], []
    for _ in range(3 if quick else 9):
        service.stop()
        began = time.perf_counter()
        service.start()
        while True:
            try:
                if service.ask("GET", "/image/v2/images?limit=1", expect=None)[0] == 200:
                    break
            except OSError:
                time.sleep(0.0005)
        times.append(time.perf_counter() - began)
        processors.append(service.cpu_seconds())
    row("start to the first authenticated answer", f"{statistics.median(times) * 1000:.0f} ms", goal="<= 100 ms",
        peer="2.8 s, 5.7 CPU-s")
    row("  CPU of it", f"{statistics.median(processors) * 1000:.0f} ms")
    for _ in range(200):
        service.ask("GET", "/image/v2/images")
    row("memory at rest, after 200 requests", f"{service.memory_mib():.0f} MiB", goal="<= 40 MiB", peer="268 MiB")


# ---------------------------------------------------------------- upload, download, show


def images(service, folder, quick):
    size = (128 if quick else 1024) * MIB
    file = folder / "random"
    noise(file, size, seed=1)
    checksums = sum(seconds(["openssl", "dgst", f"-{name}", file]) for name in ("md5", "sha512"))
    limit = size / checksums / 1e6
    rates, processors = [], []
    for n in range(1 if quick else 3):
        noise(file, size, seed=n + 1)
        settled()
        image = service.create_image(f"upload-{n}")
        before = service.cpu_seconds()
        rates.append(size / service.upload(image, file) / 1e6)
        processors.append((service.cpu_seconds() - before) * (1024 * MIB / size))
    row("upload of random bytes, one curl -T", f"{statistics.median(rates):.0f} MB/s",
        f"md5 then sha512: {limit:.0f} MB/s", f"{statistics.median(rates) / limit:.2f}", ">= 330 MB/s", "132 MB/s")
    row("  CPU of it", f"{statistics.median(processors):.1f} s/GiB", peer="6.9 s/GiB")
    # The same bytes again: nothing is written, and each chunk that the new image would stand on is read and checked.
    again, processors = [], []
    for n in range(1 if quick else 3):
        known = service.create_image(f"known-{n}")
        before = service.cpu_seconds()
        again.append(size / service.upload(known, file) / 1e6)
        processors.append((service.cpu_seconds() - before) * (1024 * MIB / size))
    new = statistics.median(rates)
    row("upload of what is known", f"{statistics.median(again):.0f} MB/s", f"upload of new bytes: {new:.0f} MB/s",
        f"{statistics.median(again) / new:.2f}")
    row("  CPU of it", f"{statistics.median(processors):.1f} s/GiB")

    path = f"/image/v2/images/{image}/file"
    with Nginx(folder, file) as nginx:
        for clients, peer in ((1, "1,540 MB/s"), (8, "2,190 MB/s")):
            limit = size * clients / nginx.fetch("random", clients) / 1e6
            here = size * clients / together(clients, lambda: service.curl(path)) / 1e6
            row(f"download of it, {clients} client{'s' * (clients > 1)}", f"{here:.0f} MB/s",
                f"nginx sendfile: {limit:.0f} MB/s", f"{here / limit:.2f}", ">= 0.8 of it", peer)
        text = folder / "half"
        half_compressible(text, size)
        image = service.create_image("compressed")
        service.upload(image, text)
        path = f"/image/v2/images/{image}/file"
        limit = size / nginx.fetch("half", 1) / 1e6
        here = size / min(service.curl(path) for _ in range(3)) / 1e6
        row("download of what is stored compressed", f"{here:.0f} MB/s", f"nginx sendfile: {limit:.0f} MB/s",
            f"{here / limit:.2f}", ">= 0.5 of it")
        body = service.ask("GET", f"/image/v2/images/{image}")[2]
        (folder / "body").write_text(str(body))
        limit = wrk(f"http://127.0.0.1:{nginx.port}/body")[0]
        here, p50, p99 = wrk(f"http://{service.host}/image/v2/images/{image}", service.token)
        row("show one image, 16 connections", f"{here:.0f} /s", f"nginx, same body: {limit:.0f} /s",
            f"{here / limit:.2f}", ">= 8,250 /s", "165 to 196 /s, p50 81-95 ms")
        row("  p50; p99 of it", f"{p50}; {p99}")

    files = [folder / f"eight-{n}" for n in range(8)]
    for n, file in enumerate(files):
        noise(file, size // 4, seed=100 + n)
    ids = [service.create_image(f"eight-{n}") for n in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: service.upload(*pair), zip(ids, files)))
    row("memory at its highest, eight uploads at once", f"{service.memory_mib('VmHWM'):.0f} MiB", goal="<= 256 MiB",
        peer="flat")


def storage(service, folder, quick):
    size = (20 if quick else 200) * MIB
    rng = random.Random(3)
    shared = rng.randbytes(size * 9 // 10)
    for n in range(5):
        file = folder / "related"
        file.write_bytes(shared + rng.randbytes(size // 10))
        service.upload(service.create_image(f"related-{n}"), file)
    unique = (size * 9 // 10 + 5 * size // 10) / MIB
    here = disk_usage(service.data) / MIB
    row("five images that share 90 %, on disk", f"{here:.0f} MiB", f"unique bytes: {unique:.0f} MiB",
        f"{here / unique:.2f}", "<= 290 MiB" if not quick else "", "1,000 MiB")


# ---------------------------------------------------------------- lists


def list_many(service, folder, quick):
    made = 0
    for count in (100, 1000) if quick else (1000, 10000):
        fill_list(service, made, count)
        made = count
        here, p50, p99 = wrk(f"http://{service.host}/image/v2/images?limit=25", service.token)
        body = service.ask("GET", "/image/v2/images?limit=25")[2]
        (folder / "body").write_text(str(body))
        with Nginx(folder, folder / "body") as nginx:
            limit = wrk(f"http://127.0.0.1:{nginx.port}/body")[0]
        goal, peer = (">= 2,300 /s", "23 /s, p50 682 ms") if count == 10000 else ("", "44 /s, p50 358 ms")
        row(f"list 25 of {count:,} images, 16 connections", f"{here:.0f} /s", f"nginx, same body: {limit:.0f} /s",
            f"{here / limit:.2f}", goal, peer)
        row("  p50; p99 of it", f"{p50}; {p99}")


def fill_list(service, made, count):
    """Creates image records over the API, eight at a time."""

    def some(first):
        connection = service.connect()
        for n in range(first, count, 8):
            service.create_image(f"image-{n:06}", connection=connection)

    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(made, made + 8)))
    row(f"  creating {count - made:,} image records", f"{(count - made) / (time.perf_counter() - began):.0f} /s")


def slow_peers(service, folder, quick):
    """A good client alone, and beside connections that send and read nothing more; in turns, since the machine changes."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    count = min(1000 if quick else 10000, files - 1000)
    noise(folder / "large", 8 * MIB, seed=11)
    large = service.create_image("large")
    service.upload(large, folder / "large")
    fill_list(service, 0, 100)
    alone, beside, memory = [], [], []
    for _ in range(1 if quick else 5):
        alone.append(milliseconds(wrk(f"http://{service.host}/image/v2/images?limit=25", service.token)[2]))
        with contextlib.ExitStack() as connections:
            for n in range(count):
                connections.enter_context(slow_peer(service, large, n))
            beside.append(milliseconds(wrk(f"http://{service.host}/image/v2/images?limit=25", service.token)[2]))
            memory.append(service.memory_mib())
    here, limit = statistics.median(beside), statistics.median(alone)
    row(f"p99 of a list beside {count:,} slow connections", f"{here:.1f} ms", f"alone: {limit:.1f} ms", f"{here / limit:.2f}", "<= 2.00")
    row("  the least; the most of them", f"{min(beside):.1f}; {max(beside):.1f}", f"{min(alone):.1f}; {max(alone):.1f} ms")
    row("  memory of the service then", f"{max(memory):.0f} MiB")


def slow_peer(service, image, n):
    """One of them: half have sent a part of something, half read nothing of a file."""
    head = "Host: effigy\r\nX-Auth-Token: " + service.token + "\r\n"
    file = f"GET /image/v2/images/{image}/file HTTP/1.1\r\n{head}\r\n"
    body = f"POST /identity/v3/auth/tokens HTTP/1.1\r\n{head}Content-Length: 9000\r\n\r\n{{"
    host, _, port = service.host.partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(["GET /healthz HTTP/1.1\r\nX: ", file, body, file][n % 4].encode())
    return connection


def milliseconds(text):
    """The milliseconds in a time as wrk writes it: 950.00us, 11.80ms or 1.20s."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


# ---------------------------------------------------------------- capture and launch


def golden(service, folder, quick):
    """A 4 GiB disk with 1.6 GiB of data that boots the micro guest, uploaded as qcow2: (raw file, image)."""
    raw, file = folder / "golden.raw", folder / "golden.qcow2"
    subprocess.run([ROOT / "guests/micro.sh", raw, "golden", "4G"], check=True)
    data = (160 if quick else 1600) * MIB
    half_compressible(folder / "payload", data)
    subprocess.run(["dd", f"if={folder / 'payload'}", f"of={raw}", "bs=1M", "seek=512", "conv=notrunc", "status=none"], check=True)
    (folder / "payload").unlink()
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, file], check=True)
    image = service.create_image("golden", "qcow2")
    service.upload(image, file)
    file.unlink()
    return raw, image


def capture(service, folder, quick):
    raw, image = golden(service, folder, quick)
    flavor = big_flavor(service)
    [instance], _ = service.launch("server", image, flavor)
    service.says(instance, "MICRO-READY golden 0001 OK")
    rounds = 1 if quick else 7
    for n in range(rounds):
        service.types(instance, "f")
        service.says(instance, "!", n + 1)
    service.act(instance, {"os-stop": None})
    service.becomes(instance, "SHUTOFF", service.connect())

    settled()
    copy = seconds(["cp", "--sparse=always", raw, folder / "copy.raw"])
    changed = folder / "changed"
    noise(changed, rounds * 16 * MIB, seed=9)
    squeeze = seconds(["zstd", "-q", "-1", "-f", "-o", "/dev/null", changed])
    times, answers, processors, written = [], [], [], []
    for n in range(1 if quick else 7):
        # A capture finds its own chunks again; one after a sweep of the last does all the work.
        if n:
            subprocess.run([service.program, "store", "sweep", "--data", service.data, "--config", service.settings], check=True,
                           stdout=subprocess.DEVNULL)
        settled()
        connection = service.connect()
        cpu, bytes_before, began = service.cpu_seconds(), service.written_bytes(), time.perf_counter()
        made = service.act(instance, {"createImage": {"name": f"cast-{n}"}})["image_id"]
        answers.append(time.perf_counter() - began)
        while service.ask("GET", f"/image/v2/images/{made}", connection=connection)[2]["status"] != "active":
            time.sleep(0.002)
        times.append(time.perf_counter() - began)
        processors.append(service.cpu_seconds() - cpu)
        written.append((service.written_bytes() - bytes_before) / 1e6)
        service.becomes(instance, "SHUTOFF", connection)
        service.ask("DELETE", f"/image/v2/images/{made}")
    size = rounds * 16 * MIB / 1e6
    row(f"capture, {size:.0f} MB changed of a 4 GiB disk", f"{statistics.median(times):.2f} s",
        f"cp of the flat disk: {copy:.2f} s", f"{statistics.median(times) / copy:.2f}", "<= 0.5 s", "14.8 s, 11.3 CPU-s")
    row("  the fastest; the slowest of seven" if not quick else "  once", f"{min(times):.2f}; {max(times):.2f} s")
    row("  the call's answer, after the look for a Windows", f"{statistics.median(answers) * 1000:.0f} ms", goal="<= 50 ms")
    cpu = statistics.median(processors)
    row("  CPU of it", f"{cpu:.2f} s", f"zstd -1 of the change: {squeeze:.2f} s", f"{cpu / squeeze:.2f}")
    row("  written for it", f"{written[0]:.0f} MB", f"the change: {size:.0f} MB", f"{written[0] / size:.2f}", peer="3,357 MB")


def launch(service, folder, quick):
    _, image = golden(service, folder, quick)
    flavor = service.flavor("m1.nano")
    other = folder / "other.raw"
    subprocess.run([ROOT / "guests/micro.sh", other, "other"], check=True)
    another = service.create_image("other")
    service.upload(another, other)
    # A new process has nothing of the image in memory. Once in its life it finds out whether KVM
    # works, for up to two seconds; an instance of another image waits for that here.
    service.stop()
    service.start()
    service.wait()
    service.launch("other", another, flavor)
    bare = statistics.median(bare_qemu() for _ in range(5))
    _, first = service.launch("first", image, flavor)
    row("first launch of an image (1.6 GiB of data)", f"{first * 1000:.0f} ms", f"a bare QEMU: {bare * 1000:.0f} ms",
        f"{first / bare:.2f}", "<= 100 ms", "4.1 s, then 19 ms a clone")
    count = 10 if quick else 98
    ids, many = service.launch("many", image, flavor, count)
    row(f"  {count} more in one call", f"{many:.1f} s")
    # Ninety-eight guests that boot under emulation keep every core busy: the next one is measured when they have.
    for one in ids:
        service.says(one, "MICRO-READY golden 0001 OK", patience=300)
    _, last = service.launch("last", image, flavor)
    row("the hundredth clone", f"{last * 1000:.0f} ms", f"a bare QEMU: {bare * 1000:.0f} ms", f"{last / bare:.2f}",
        "like the first")
    row("memory of the service with a hundred guests", f"{service.memory_mib():.0f} MiB")


# ---------------------------------------------------------------- what is inside


def inside(service, folder, quick):
    """A Debian with 1.5 GiB of disk, looked into by a process of its own; each time anew."""
    subprocess.run([ROOT / "guests/debian.sh", ROOT / ".cache/guests"], check=True)
    image = service.create_image("debian", "qcow2")
    service.upload(image, ROOT / ".cache/guests/debian.qcow2")
    times, memory = [], []
    for n in range(1 if quick else 5):
        if n:
            service.stop()
            forget_reports(service)
            service.start()
            service.wait()
        seen, began = look(service, image)
        memory.append(seen)
        times.append(began)
    report = service.ask("GET", f"/effigy/v1/images/{image}/verification")[2]
    row("look into a Debian's disk", f"{statistics.median(times):.2f} s", goal="<= 1 s")
    row("  memory of the process that looks", f"{max(memory):.0f} MiB", goal="<= 128 MiB")
    row("  what it found", f"{report['verdict']}, {len(report['report']['findings'])} findings")


def look(service, image):
    """Waits for the look at an image: (the most memory that its process was seen with in MiB, how long it was seen in s)."""
    most, first, last = 0, None, None
    while True:
        now = time.perf_counter()
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                if b"inspect-disk" in (status.parent / "cmdline").read_bytes():
                    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text())
                    most, first, last = max(most, int(peak[1]) / 1024 if peak else 0), first or now, now
            except OSError:
                continue
        if service.ask("GET", f"/effigy/v1/images/{image}/verification")[2]["state"] == "done" and (first or most):
            return most, last - first
        time.sleep(0.002)


def forget_reports(service):
    """Takes away what was found, so that it is looked for again."""
    with contextlib.closing(sqlite3.connect(pathlib.Path(service.data) / "effigy.db")) as db, db:
        db.execute("delete from disk_reports")
        db.execute("delete from verifications")


def big_flavor(service):
    """The smallest flavor whose disk the golden image fits on."""
    flavors = service.ask("GET", "/compute/v2.1/flavors/detail")[2]["flavors"]
    fits = [flavor for flavor in flavors if flavor["disk"] == 0 or flavor["disk"] >= 4]
    return min(fits, key=lambda flavor: flavor["ram"])["id"]


def bare_qemu():
    """The seconds from starting a QEMU with nothing in it to its greeting."""
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-m", "64", "-accel", "tcg",
               "-qmp", "stdio", "-S"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        took = time.perf_counter() - began
        process.kill()
    return took


# ---------------------------------------------------------------- tools


class Nginx:
    """nginx over a folder's files, one worker a core, sendfile on: what a download cannot beat."""

    def __init__(self, folder, file):
        self.folder, self.port = folder, 20000 + os.getpid() % 20000
        file.chmod(0o644)
        self.conf = folder / "nginx.conf"
        self.conf.write_text(f"""
            daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 2; user root;
            events {{ worker_connections 256; }}
            http {{ access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
                client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
                uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5; keepalive_requests 1000000;
                server {{ listen 127.0.0.1:{self.port}; root {folder}; }} }}""")

    def __enter__(self):
        self.process = subprocess.Popen(["nginx", "-p", self.folder, "-c", self.conf],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while subprocess.run(["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{self.port}/"]).returncode:
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def fetch(self, name, clients):
        command = ["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{self.port}/{name}"]
        return together(clients, lambda: subprocess.run(command, check=True))


def together(clients, work):
    """The best of three: the seconds until so many clients, started at once, are all done."""
    best = []
    for _ in range(3):
        began = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            list(pool.map(lambda _: work(), range(clients)))
        best.append(time.perf_counter() - began)
    return min(best)


def wrk(url, token=None):
    """Requests a second over 16 connections: (rate, p50, p99)."""
    headers = ["-H", f"X-Auth-Token: {token}"] if token else []
    command = ["wrk", "-t1", "-c16", "-d5s", "--latency", *headers, url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(f"wrk {url}: {said}")
    found = {name: re.search(rf"{name}\s+([\d.]+\S*)", said) for name in ("Requests/sec:", "50%", "99%")}
    if " 0 requests in" in said:
        raise SystemExit(f"wrk {url}: nothing was answered")
    return float(found["Requests/sec:"][1]), found["50%"][1], found["99%"][1]


def seconds(command):
    """The seconds of one command, the file's pages in memory already."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def settled():
    """Waits until what was written is on the disk: what is measured next would pay for it."""
    os.sync()


def noise(file, size, seed):
    """Bytes that do not compress."""
    rng = random.Random(seed)
    with open(file, "wb") as out:
        for _ in range(0, size, 4 * MIB):
            out.write(rng.randbytes(4 * MIB))


def half_compressible(file, size):
    """Bytes like an operating system's: about half of them compress."""
    rng = random.Random(5)
    with open(file, "wb") as out:
        for _ in range(0, size, MIB):
            out.write(rng.randbytes(MIB // 2) + bytes(range(64, 80)) * (MIB // 32))


def disk_usage(folder):
    return int(subprocess.run(["du", "-s", "-B1", folder], check=True, capture_output=True, text=True).stdout.split()[0])


if __name__ == "__main__":
    sys.exit(main())
