// tus-js-client uploads a file in one way: node tus.mjs WAY ENDPOINT AUTHORIZATION FILE TITLE
import fs from 'node:fs'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import * as tus from 'tus-js-client'

const [way, endpoint, authorization, file, title] = process.argv.slice(2)
const headers = authorization ? { Authorization: authorization } : {}
const metadata = { filename: path.basename(file), filetype: 'audio/wav', title }
const size = fs.statSync(file).size

function upload(input, options) {
  return new Promise((resolve, reject) => {
    const made = new tus.Upload(input, {
      endpoint,
      headers,
      metadata,
      retryDelays: null,
      onError: reject,
      onSuccess: () => resolve(made),
      ...options,
    })
    made.start()
  })
}

async function status(url) {
  const answer = await fetch(url, { method: 'HEAD', headers: { ...headers, 'Tus-Resumable': '1.0.0' } })
  return answer.status
}

// Sends about a third, lets the connection go, and tells where the upload is.
function interrupted() {
  return new Promise((resolve, reject) => {
    const made = new tus.Upload(fs.createReadStream(file), {
      endpoint,
      headers,
      metadata,
      chunkSize: 1 << 20,
      retryDelays: null,
      onError: reject,
      onChunkComplete: (_, sent) => {
        if (sent > size / 3) made.abort().then(() => resolve(made.url), reject)
      },
    })
    made.start()
  })
}

const ways = {
  plain: () => upload(fs.createReadStream(file), { chunkSize: Infinity }),
  chunks: () => upload(fs.createReadStream(file), { chunkSize: 700_000 }),
  creation: () => upload(fs.createReadStream(file), { chunkSize: 1 << 20, uploadDataDuringCreation: true }),
  parallel: () => upload(fs.createReadStream(file), { chunkSize: 700_000, parallelUploads: 3 }),
  // Through a pipe, so that nobody knows the length before the end.
  deferred: () =>
    upload(fs.createReadStream(file).pipe(new PassThrough()), { chunkSize: 1 << 20, uploadLengthDeferred: true }),
  async resume() {
    const url = await interrupted()
    const again = await upload(fs.createReadStream(file), { uploadUrl: url, chunkSize: 1 << 20 })
    if (again.url !== url) throw new Error(`went on at ${again.url}, not at ${url}`)
  },
  async terminate() {
    const url = await interrupted()
    await tus.Upload.terminate(url, { headers, retryDelays: null })
    const after = await status(url)
    if (after !== 404 && after !== 410) throw new Error(`after its end the upload answers ${after}`)
  },
}

await ways[way]()
console.log('done')
