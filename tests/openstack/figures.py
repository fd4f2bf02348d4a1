"""Effigy and Glance in the same cloud, in the same run: boots, snapshots, bytes and memory."""
import os
import pathlib
import statistics
import subprocess
import time

from cloud import micro_disk

MIB = 1 << 20
DATA, DISK, CHANGED = 1536 * MIB, 2048 * MIB, 100 * MIB
SNAPSHOTS = 5


def figures(stage):
    cloud = stage.cloud
    image = large_image(stage.folder)
    rows = {}
    cloud.start_glance()
    rows["Glance"] = measure(stage, image, "glance", stage.folder / "glance/images", keeps=False)
    cloud.running.pop("glance").stop()
    cloud.start_effigy("")
    rows["Effigy"] = measure(stage, image, "effigy", stage.folder / "data/store", keeps=True)
    image.unlink()
    print("| | " + " | ".join(rows) + " |\n| --- |" + " --- |" * len(rows))
    for name in rows["Effigy"]:
        print(f"| {name} | " + " | ".join(row[name] for row in rows.values()) + " |")


def large_image(folder):
    """A qcow2 of the micro guest and of data that do not compress."""
    raw, image = folder / "large.raw", folder / "large.qcow2"
    micro_disk("large", raw)
    with open(raw, "r+b") as disk:
        disk.truncate(DISK)
        disk.seek(16 * MIB)
        for _ in range(DATA // MIB):
            disk.write(os.urandom(MIB))
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True)
    raw.unlink()
    return image


def timed(work, *words):
    began = time.monotonic()
    work(*words)
    return time.monotonic() - began


def measure(stage, file, process, store, keeps):
    alice, row = stage.alice, {}
    name = f"large-{process}"
    row["upload"] = seconds(timed(alice.image, name, file))
    after = kept(store)
    row["kept for the image"] = megabytes(after)
    for which in ("first", "second"):
        row[f"{which} boot"] = seconds(timed(alice.server, f"{name}-{which}", name, "--flavor", "small"))
        alice.says(f"{name}-{which}", "large", 1)
    alice("server", "delete", "--wait", f"{name}-second")
    server = f"{name}-first"
    alice.act(server, ["stop"], "SHUTOFF")
    disk = stage.folder / "nova/instances" / alice.server_named(server)["id"] / "disk"
    times, grown = [], 0
    for number in range(SNAPSHOTS):
        # The same place each time, with other bytes.
        noise = stage.folder / "noise"
        noise.write_bytes(os.urandom(CHANGED))
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -s {noise} {1700 * MIB} {CHANGED}", disk], check=True,
                       stdout=subprocess.DEVNULL)
        before = kept(store)
        times.append(timed(alice.snapshot, server, f"{name}-{number}"))
        grown += kept(store) - before
        if not keeps:
            # There is no room here for five files of the whole disk: each was counted.
            alice("image", "delete", f"{name}-{number}")
    row[f"snapshot, {CHANGED // MIB} MiB changed (median of {SNAPSHOTS})"] = seconds(statistics.median(times))
    row[f"kept for {SNAPSHOTS} such snapshots"] = megabytes(grown)
    row["memory of the image service (PSS)"] = megabytes(memory(stage.cloud.running[process].child.pid))
    alice("server", "delete", "--wait", server)
    alice("image", "delete", name)
    # Nova would keep it for a day.
    for base in (stage.folder / "nova/instances/_base").iterdir():
        base.unlink()
    return row


def kept(store):
    subprocess.run(["sync", "-f", store], check=True)
    return sum(path.stat().st_blocks * 512 for path in store.rglob("*") if path.is_file())


def memory(group):
    """The proportional size of a process and of those that it started."""
    total = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) == group:
                lines = (process / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
        except OSError:
            # It has ended.
            continue
    return total


def seconds(value):
    return f"{value:.1f} s"


def megabytes(value):
    return f"{value / 1e6:.0f} MB"
