// Sends a body of 20 MB to an address that answers before it reads, and prints the status that came back.
const [host, port, path] = process.argv.slice(2);
const answer = await fetch(`http://${host}:${port}${path}`, { method: "POST", body: Buffer.alloc(20_000_000) });
console.log(answer.status, (await answer.text()).trim(), answer.headers.get("connection"));
