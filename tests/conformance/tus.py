"""Sends an image's file in parts with tus's own client, or goes on with the upload that is under way.

tus.py ADDRESS IMAGE FILE      the token is in TUS_TOKEN
"""

import os
import sys

import requests
from tusclient.client import TusClient

PART_BYTES = 32 << 20

address, image, file = sys.argv[1:]
headers = {"X-Auth-Token": os.environ["TUS_TOKEN"]}
under_way = requests.get(f"{address}/effigy/v1/images/{image}/upload", headers=headers, timeout=60)
uploader = TusClient(f"{address}/effigy/v1/uploads", headers=headers).uploader(
    file,
    chunk_size=PART_BYTES,
    metadata={"image_id": image, "filename": os.path.basename(file)},
    url=under_way.json()["url"] if under_way.ok else None,
    upload_checksum=True,
)
print(f"from {uploader.offset}", flush=True)
uploader.upload()
print("all has come", flush=True)
