"""A zip behind an address, read by Python's own reader through ranges alone: nothing is fetched that is not asked for.

Arguments: the address of the zip, and an `Authorization` field. Says each file with its length, whether its sum is right, and
how many bytes came in all.
"""

import io
import sys
import urllib.request
import zipfile

address, authorization = sys.argv[1:3]


class Remote(io.RawIOBase):
    def __init__(self):
        self.at, self.came = 0, 0
        with self.ask("HEAD", {}) as answer:
            self.length = int(answer.headers["Content-Length"])
            self.tag = answer.headers["ETag"]

    def ask(self, method, fields):
        fields = {"Authorization": authorization, **fields}
        return urllib.request.urlopen(urllib.request.Request(address, headers=fields, method=method))

    def seekable(self):
        return True

    def readable(self):
        return True

    def tell(self):
        return self.at

    def seek(self, offset, whence=io.SEEK_SET):
        self.at = {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.length}[whence] + offset
        return self.at

    def readinto(self, buffer):
        end = min(self.at + len(buffer), self.length) - 1
        if end < self.at:
            return 0
        with self.ask("GET", {"Range": f"bytes={self.at}-{end}", "If-Range": self.tag}) as answer:
            assert answer.status == 206, answer.status
            found = answer.read()
        buffer[:len(found)] = found
        self.at += len(found)
        self.came += len(found)
        return len(found)


remote = Remote()
with zipfile.ZipFile(io.BufferedReader(remote, 65536)) as archive:
    for info in archive.infolist():
        print(info.filename, info.file_size, info.compress_type)
    directory = remote.came
    print("sums", "right" if archive.testzip() is None else "wrong")
print("small" if directory <= 2 * 65536 else f"{directory} bytes for the directory")
