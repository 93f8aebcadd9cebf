"""tuspy uploads a file: tuspy.py WAY ENDPOINT AUTHORIZATION FILE TITLE"""

import os
import sys

from tusclient import client

way, endpoint, authorization, path, title = sys.argv[1:6]
tus = client.TusClient(endpoint, headers={"Authorization": authorization} if authorization else {})
metadata = {"filename": os.path.basename(path), "title": title}
common = dict(chunk_size=700_000, metadata=metadata, upload_checksum=way in ("checksum", "resume"))
uploader = tus.uploader(path, **common)
if way == "resume":
    uploader.upload(stop_at=1_000_000)
    reached, url = uploader.offset, uploader.url
    uploader = tus.uploader(path, url=url, **common)
    assert uploader.offset == reached, (uploader.offset, reached)
uploader.upload()
assert uploader.offset == os.path.getsize(path), uploader.offset
print("done")
