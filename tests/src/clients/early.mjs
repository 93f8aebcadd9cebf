// Sends 20 MB to a route that answers before it has read them, with Node's fetch, and prints status and answer.
// Arguments: address, path, content type.

const [address, path, type] = process.argv.slice(2);
const body = new Uint8Array(20_000_000).fill(120);
const answer = await fetch(`http://${address}${path}`, { method: "POST", body, headers: { "Content-Type": type } });
console.log(answer.status, await answer.text());
