// A browser with windows of people, and how to wait for what they see. Scenes are told what they need as JSON.
import http from 'node:http'
import { chromium } from 'playwright-core'

export const told = JSON.parse(process.argv[3])
export const WAIT_MS = 60_000

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // What pages may hold is measured as precisely as there is.
  args: ['--autoplay-policy=no-user-gesture-required', '--enable-precise-memory-info', '--js-flags=--expose-gc'],
})
export const complaints = []

/** A window of a person who is not signed in; what goes wrong in it is a complaint, but what the scene expects. */
export async function open(options = {}, expected = () => false) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  return another(context, expected)
}

/** One more window of the same browser. */
export async function another(context, expected = () => false) {
  const page = await context.newPage()
  page.setDefaultTimeout(WAIT_MS)
  const complain = (what, where = '') => expected(`${what} ${where}`) || complaints.push(`${what} ${where}`.trim())
  page.on('console', (line) => ['error', 'warning'].includes(line.type()) && complain(line.text(), line.location().url))
  page.on('pageerror', (error) => complain(error.stack))
  page.on('response', (answer) => answer.status() >= 400 && complain(`status ${answer.status()}`, answer.url()))
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url())
    if (protocol.startsWith('http') && origin !== told.origin) complain('asked elsewhere', request.url())
  })
  page.on('requestfailed', (request) => {
    // A picture or a sound that nobody wants any more.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') complain(request.failure()?.errorText, request.url())
  })
  return page
}

export async function signIn(page, name = told.name, password = told.password) {
  await page.goto(`${told.origin}/`)
  await page.fill('[name=name]', name)
  await page.fill('[name=password]', password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: `Hello, ${name}` }).waitFor()
}

/**
 * What stands between browsers and the server, as a proxy does. It counts the connections over which browsers are told what
 * happens, and can be made to answer in the server's place, with a status and words of its own. All that is opened from here on
 * passes through it.
 */
export async function between() {
  const { hostname, port } = new URL(told.origin)
  const line = { events: 0, most: 0, requests: [], answers: null, break() { open.forEach((one) => one.destroy()) } }
  const open = new Set()
  const proxy = http.createServer((request, answer) => {
    line.requests.push(`${request.method} ${request.url}`)
    const status = line.answers?.(request.url, request.method)
    if (status) {
      request.resume()
      return answer.writeHead(status, { 'Content-Type': 'text/html', Connection: 'close' }).end('<html><h1>Nobody is there</h1></html>')
    }
    const onward = http.request({ hostname, port, path: request.url, method: request.method, headers: request.headers, agent: false }, (from) => {
      answer.writeHead(from.statusCode, from.rawHeaders)
      from.pipe(answer)
    })
    const isTold = request.url === '/events'
    if (isTold) line.most = Math.max(line.most, ++line.events)
    open.add(answer)
    answer.on('close', () => (open.delete(answer), onward.destroy(), isTold && line.events--))
    onward.on('error', () => answer.destroy())
    request.pipe(onward)
  })
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  proxy.unref()
  told.origin = `http://127.0.0.1:${proxy.address().port}`
  return line
}

export const go = (page, view) => page.evaluate((view) => (location.hash = `/${view}`), view)

/** The loudest sample of what goes to the loudspeaker in the next half of a second. Every node that is connected to it is heard. */
export const TAP = () => {
  const connect = AudioNode.prototype.connect
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to === this.context.destination) {
      const analyser = new AnalyserNode(this.context, { fftSize: 2048 })
      connect.call(this, analyser)
      ;(globalThis.heard ??= []).push(analyser)
    }
    return connect.call(this, to, ...rest)
  }
}
export const loudest = (page) =>
  page.evaluate(async () => {
    let most = 0
    const samples = new Float32Array(2048)
    for (const end = performance.now() + 500; performance.now() < end; await new Promise(requestAnimationFrame)) {
      for (const analyser of globalThis.heard ?? []) {
        analyser.getFloatTimeDomainData(samples)
        for (const sample of samples) most = Math.max(most, Math.abs(sample))
      }
    }
    return most
  })

export const place = (page, label = 'Place in the track') => page.getByLabel(label).first().evaluate((slider) => slider.valueAsNumber)
export async function until(what, name) {
  const end = Date.now() + WAIT_MS
  while (Date.now() < end) {
    const found = await what()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`it never came: ${name}`)
}

/** Tells what a page holds: objects of scripts, and the bytes of their buffers, which lie outside of the heap. */
export async function weight(page) {
  const tools = await page.context().newCDPSession(page)
  return async (swept) => {
    if (swept) await tools.send('HeapProfiler.collectGarbage')
    const { usedSize, backingStorageSize = 0 } = await tools.send('Runtime.getHeapUsage')
    return usedSize + backingStorageSize
  }
}
