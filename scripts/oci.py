#!/usr/bin/env python3
"""Writes an image for containers in OCI's layout, of one layer, without a daemon.

    scripts/oci.py ROOT.tar IMAGE.tar --version VERSION --arch ARCH

The same input gives the same bytes: the layer's members are sorted, and no time is later than SOURCE_DATE_EPOCH.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from datetime import datetime, timezone

EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])
CREATED = datetime.fromtimestamp(EPOCH, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
DATA = "var/lib/effigy"


def layer(root, into):
    """Compresses the root into a file; the digests of its bytes before and after."""
    plain, packed = hashlib.sha256(), hashlib.sha256()

    class Both(io.RawIOBase):
        def __init__(self, file, digest):
            self.file, self.digest = file, digest

        def writable(self):
            return True

        def write(self, data):
            self.digest.update(data)
            return self.file.write(data)

    with gzip.GzipFile(fileobj=Both(into, packed), filename="", mode="wb", compresslevel=6, mtime=0) as gz:
        with tarfile.open(root) as source, tarfile.open(fileobj=Both(gz, plain), mode="w|", format=tarfile.PAX_FORMAT) as out:
            for member in sorted(source.getmembers(), key=lambda member: member.name):
                member.mtime = min(int(member.mtime), EPOCH)
                # No program may make devices in a container, and whoever runs it mounts its own /dev.
                if not member.isdev():
                    out.addfile(member, source.extractfile(member) if member.isreg() else None)
    return plain.hexdigest(), packed.hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("image")
    parser.add_argument("--version", required=True)
    parser.add_argument("--arch", required=True)
    wanted = parser.parse_args()
    with tempfile.TemporaryFile() as packed, tarfile.open(wanted.image, "w", format=tarfile.PAX_FORMAT) as out:
        plain, digest = layer(wanted.root, packed)

        def add(name, size, content):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = size, EPOCH, 0o644
            out.addfile(member, content)

        def blob(document, kind):
            text = json.dumps(document, sort_keys=True).encode()
            name = hashlib.sha256(text).hexdigest()
            add(f"blobs/sha256/{name}", len(text), io.BytesIO(text))
            return {"mediaType": f"application/vnd.oci.image.{kind}+json", "digest": f"sha256:{name}", "size": len(text)}

        size = packed.tell()
        packed.seek(0)
        add(f"blobs/sha256/{digest}", size, packed)
        labels = {
            "org.opencontainers.image.title": "effigy",
            "org.opencontainers.image.version": wanted.version,
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.source": "https://github.com/effigy-cloud/effigy",
        }
        config = blob({
            "created": CREATED, "architecture": wanted.arch, "os": "linux",
            "config": {
                "User": "effigy", "WorkingDir": f"/{DATA}", "Volumes": {f"/{DATA}": {}}, "ExposedPorts": {"9292/tcp": {}},
                "Entrypoint": ["/usr/bin/effigy"],
                "Cmd": ["serve", "--listen", "0.0.0.0:9292"],
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "EFFIGY_CONFIG=/etc/effigy/effigy.toml"],
                "StopSignal": "SIGTERM", "Labels": labels,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{plain}"]},
            "history": [{"created": CREATED, "created_by": "scripts/package.sh image"}],
        }, "config.v1")
        manifest = blob({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": f"sha256:{digest}", "size": size}],
            "annotations": labels,
        }, "manifest.v1")
        tag = wanted.version.replace("~", "-").replace("+", "-")
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                 "manifests": [manifest | {"annotations": {"org.opencontainers.image.ref.name": tag}}]}
        for name, document in {"index.json": index, "oci-layout": {"imageLayoutVersion": "1.0.0"}}.items():
            text = json.dumps(document, sort_keys=True).encode()
            add(name, len(text), io.BytesIO(text))


main()
