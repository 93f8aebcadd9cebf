"""Sends 20 MB to a route that answers before it has read them, with http.client, and prints status and answer.

Arguments: host, port, path, content type.
"""

import http.client
import sys

host, port, path, content_type = sys.argv[1:5]
connection = http.client.HTTPConnection(host, int(port), timeout=20)
try:
    connection.request("POST", path, body=b"x" * 20_000_000, headers={"Content-Type": content_type})
except (BrokenPipeError, ConnectionResetError):
    pass  # The server closed its reading side; its answer is there all the same.
answer = connection.getresponse()
print(answer.status, answer.read().decode())
