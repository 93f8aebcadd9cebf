// The protocol's own server for Node, as an oracle: node oracle.mjs PORT FOLDER BYTES_MAX; 0 is no limit
import http from 'node:http'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const [port, directory, largest] = process.argv.slice(2)
const maxSize = Number(largest)
const server = new Server({ path: '/uploads', datastore: new FileStore({ directory }), maxSize })
http.createServer((request, answer) => server.handle(request, answer)).listen(Number(port), '127.0.0.1', () => {
  console.log('ready')
})
