// Pages of two origins in Chromium upload a file to a server of a third by tus-js-client:
// node browser.mjs ENDPOINT AUTHORIZATION FILE TITLE PORT OTHER_PORT; tells as JSON what each page saw
import fs from 'node:fs'
import http from 'node:http'
import { chromium } from 'playwright-core'

const [endpoint, authorization, file, title, ...ports] = process.argv.slice(2)
const client = new URL('node_modules/tus-js-client/dist/tus.js', import.meta.url)
const pages = {
  '/': ['text/html', '<!doctype html><title>A page</title><script src="/tus.js"></script>'],
  '/tus.js': ['text/javascript', fs.readFileSync(client)],
  '/file': ['audio/wav', fs.readFileSync(file)],
}

function serve(port) {
  const server = http.createServer((request, answer) => {
    const page = pages[request.url]
    answer.writeHead(page ? 200 : 404, { 'Content-Type': page ? page[0] : 'text/plain' })
    answer.end(page ? page[1] : '')
  })
  return new Promise((resolve) => server.listen(Number(port), '127.0.0.1', () => resolve(server)))
}

// Runs in the page. Half of the file is sent, then the upload is begun again from its address, as after a reload.
async function upload({ endpoint, authorization, title }) {
  const headers = { Authorization: authorization }
  const seen = { locations: [], offsets: [] }
  const file = await (await fetch('/file')).blob()
  const options = {
    endpoint,
    headers,
    metadata: { filename: 'noise.wav', filetype: file.type, title },
    chunkSize: Math.ceil(file.size / 4),
    retryDelays: null,
    storeFingerprintForResuming: false,
    onAfterResponse(request, answer) {
      if (request.getMethod() === 'POST') seen.locations.push(answer.getHeader('Location'))
      else seen.offsets.push([request.getMethod(), answer.getHeader('Upload-Offset')])
    },
  }
  try {
    const url = await new Promise((resolve, reject) => {
      const first = new tus.Upload(file, {
        ...options,
        onError: reject,
        onChunkComplete: (_, sent) => sent < file.size / 2 || first.abort().then(() => resolve(first.url), reject),
      })
      first.start()
    })
    await new Promise((resolve, reject) => {
      new tus.Upload(file, { ...options, uploadUrl: url, onError: reject, onSuccess: resolve }).start()
    })
    const answer = await fetch(url, { method: 'HEAD', headers: { ...headers, 'Tus-Resumable': '1.0.0' } })
    seen.last = answer.headers.get('Upload-Offset')
    seen.done = file.size
  } catch (error) {
    seen.error = String(error)
  }
  return seen
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' })
const said = []
for (const port of ports) {
  const server = await serve(port)
  const page = await browser.newPage()
  const [preflights, messages] = [[], []]
  const tools = await page.context().newCDPSession(page)
  await tools.send('Network.enable')
  tools.on('Network.responseReceived', ({ type, response }) => {
    if (type === 'Preflight') preflights.push(response.status)
  })
  page.on('console', (message) => messages.push(message.text()))
  await page.goto(`http://127.0.0.1:${port}/`)
  const seen = await page.evaluate(upload, { endpoint, authorization, title: `${title} ${said.length}` })
  said.push({ ...seen, preflights, messages })
  await page.close()
  server.close()
}
await browser.close()
console.log(JSON.stringify(said))
