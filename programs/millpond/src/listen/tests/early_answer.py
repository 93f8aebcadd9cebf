"""Sends a body of 20 MB to an address that answers before it reads, and prints what came back."""

import http.client
import sys

host, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
connection = http.client.HTTPConnection(host, port, timeout=20)
connection.request("POST", path, body=bytes(20_000_000))
answer = connection.getresponse()
print(answer.status, answer.read().decode().strip(), answer.getheader("Connection"))
