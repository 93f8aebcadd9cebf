// What the page does in Chromium against a real server: node page.mjs SCENE ARGUMENTS, with ARGUMENTS as JSON; tells as JSON what
// was seen, with every complaint of the console and every request that failed.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const [scene, text] = process.argv.slice(2)
const told = JSON.parse(text)
const WAIT_MS = 60_000

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // What pages may hold is measured as precisely as there is.
  args: ['--autoplay-policy=no-user-gesture-required', '--enable-precise-memory-info', '--js-flags=--expose-gc'],
})
const complaints = []

/** A window of a person who is not signed in; what goes wrong in it is a complaint, but what the scene expects. */
async function open(options = {}, expected = () => false) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
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

async function signIn(page, name = told.name, password = told.password) {
  await page.goto(`${told.origin}/`)
  await page.fill('[name=name]', name)
  await page.fill('[name=password]', password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: `Hello, ${name}` }).waitFor()
}

const go = (page, view) => page.evaluate((view) => (location.hash = `/${view}`), view)

/** The loudest sample of what goes to the loudspeaker in the next half of a second. Every node that is connected to it is heard. */
const TAP = () => {
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
const loudest = (page) =>
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

const place = (page, label = 'Place in the track') => page.getByLabel(label).first().evaluate((slider) => slider.valueAsNumber)
async function until(what, name) {
  const end = Date.now() + WAIT_MS
  while (Date.now() < end) {
    const found = await what()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`it never came: ${name}`)
}

/** Tells what a page holds: objects of scripts, and the bytes of their buffers, which lie outside of the heap. */
async function weight(page) {
  const tools = await page.context().newCDPSession(page)
  return async (swept) => {
    if (swept) await tools.send('HeapProfiler.collectGarbage')
    const { usedSize, backingStorageSize = 0 } = await tools.send('Runtime.getHeapUsage')
    return usedSize + backingStorageSize
  }
}

const scenes = {
  /** A listener signs in, plays, seeks to the end of a long song, searches, stars, and works with a playlist by keys alone. */
  async listen() {
    const page = await open()
    await page.addInitScript(TAP)
    await signIn(page)
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.long}` }).click()
    const heard = await until(() => loudest(page), 'sound')
    const began = await place(page)
    await until(async () => (await place(page)) > began + 1, 'time')
    const slider = page.getByLabel('Place in the track').first()
    const length = Number(await slider.getAttribute('max'))
    // Near the end, not at it: there the next song begins.
    await slider.evaluate((slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input', { bubbles: true })) }, length - 8)
    const atEnd = await until(async () => { const at = await place(page); return at > length - 7 ? at : 0 }, 'the end')
    // Another one, found by the beginning of a word.
    await page.keyboard.press('/')
    await page.keyboard.type(told.word)
    await page.getByRole('button', { name: `Play ${told.found}` }).waitFor()
    await page.getByRole('button', { name: `More for ${told.found}` }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: 'New playlist' }).focus()
    await page.keyboard.press('Enter')
    await page.getByText(`Made the playlist ${told.found}`).waitFor()
    await go(page, 'playlists')
    await page.getByRole('link', { name: told.found }).waitFor()
    // A title full of script is text.
    const scripts = await page.evaluate(() => globalThis.ran ?? 0)
    return { heard, length, atEnd, scripts }
  },

  /** One window changes the password, and the other one is shown the door. */
  async password() {
    const [mine, other] = [await open(), await open()]
    await signIn(mine)
    await signIn(other)
    await go(mine, 'account')
    await mine.getByLabel('Current password').fill(told.password)
    await mine.getByLabel('New password, at least').fill(told.renewed)
    await mine.getByRole('button', { name: 'Change it' }).click()
    await mine.getByText('every other session has ended').waitFor()
    await other.locator('[name=password]').waitFor()
    await mine.reload()
    await mine.getByRole('heading', { level: 1 }).waitFor()
    return { mine: await mine.getByRole('heading', { level: 1 }).textContent() }
  },

  /** A large file on a slow line; whoever runs this kills the server meanwhile and starts it again. */
  async upload() {
    const page = await open({}, (what) => what.includes('ERR_CONNECTION') || what.includes('ERR_EMPTY') || what.includes('ERR_INCOMPLETE'))
    await signIn(page)
    await go(page, 'uploads')
    await page.getByText('Drop files or folders').waitFor()
    const tools = await page.context().newCDPSession(page)
    await tools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: told.bytes_per_second })
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    await page.getByText('in your library').waitFor({ timeout: 4 * WAIT_MS })
    await page.getByRole('button', { name: 'Play', exact: true }).first().click()
    await until(async () => (await place(page)) > 0.5, 'the song that was sent')
    return { title: await page.locator('section[aria-label=Player] .title').textContent() }
  },

  /** A video plays, and one of another size is made of it. */
  async rendition() {
    const page = await open()
    await signIn(page)
    await go(page, `video/${told.video}`)
    await page.getByRole('button', { name: 'Play video' }).click()
    await until(async () => (await place(page, 'Place in the video')) > 0.5, 'the video')
    await page.getByRole('slider', { name: /^Width/ }).fill('320')
    await page.getByRole('button', { name: 'Make it' }).click()
    const made = page.getByLabel('The rendition')
    await made.evaluate((video) => ((video.muted = true), video.play()))
    await until(() => made.evaluate((video) => video.currentTime > 0.5), 'the rendition')
    return made.evaluate((video) => ({ width: video.videoWidth, source: video.src }))
  },

  /** A song is taken apart, and of its parts one is heard alone. */
  async stems() {
    const page = await open()
    await page.addInitScript(TAP)
    await signIn(page)
    await go(page, `stems/${told.track}`)
    await page.getByRole('button', { name: 'Take it apart' }).click()
    await page.getByRole('button', { name: 'Play the mix' }).click({ timeout: 3 * WAIT_MS })
    const all = await until(() => loudest(page), 'the mix')
    await page.getByRole('button', { name: 'Solo vocals' }).click()
    await page.getByRole('slider', { name: 'Level of vocals' }).fill('0')
    const rest = await until(async () => ((await loudest(page)) < 0.001 ? { silent: true } : null), 'silence')
    return { all, ...rest }
  },

  /** Songs change their places by keys alone, in a playlist and in the queue; where one was is known in another browser. */
  async order() {
    const page = await open()
    await signIn(page)
    const titles = (list) => page.locator(`[aria-label="${list}"] .title, [aria-label="${list}"] .pick > span:first-child`).allTextContents()
    await go(page, `playlist/${told.playlist}`)
    const [first, second] = [told.titles[0], told.titles[1]]
    await page.getByRole('button', { name: `Play ${first}` }).focus()
    await page.keyboard.press('Alt+ArrowDown')
    const list = await until(async () => { const now = await titles('Songs'); return now[0] === second && now }, 'the other order')
    const focused = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))
    await page.getByRole('button', { name: 'Play', exact: true }).first().click()
    await page.getByRole('button', { name: 'Queue', exact: true }).click()
    await page.locator('[aria-label=Queue] .pick').nth(2).focus()
    await page.keyboard.press('Alt+ArrowUp')
    const queue = await until(async () => { const now = await titles('Queue'); return now[1] === list[2] && now }, 'the other queue')
    await page.keyboard.press('Escape')
    await until(async () => (await place(page)) > 1, 'time')
    await page.keyboard.press(' ')
    const kept = await until(() => page.evaluate(async () => {
      const [{ position_ms, current }, { tracks }] = await Promise.all(['/me/queue', '/me/queue/tracks'].map((path) => fetch(path).then((answer) => answer.json())))
      return position_ms > 1000 && current === 0 && tracks.map((track) => track.title)
    }), 'a queue at the server')
    const other = await open()
    await signIn(other)
    await other.locator('section[aria-label=Player] .title').waitFor()
    const elsewhere = await other.locator('section[aria-label=Player] .title').textContent()
    return { list, focused, queue, kept, elsewhere, at: await place(other) }
  },

  /** Names full of script are text in every view. */
  async attack() {
    const page = await open()
    await page.addInitScript(() => { globalThis.alert = () => { globalThis.ran = (globalThis.ran ?? 0) + 1 } })
    await signIn(page)
    const seen = {}
    for (const view of told.views) {
      await go(page, view)
      await page.getByRole('heading', { level: 1 }).waitFor()
      seen[view] = await until(async () => (await page.locator('#main').innerText()).includes(told.text), `the text in ${view}`)
    }
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.title}` }).click()
    await page.getByRole('button', { name: 'Lyrics', exact: true }).click()
    await page.locator('dialog').getByText(told.lyrics).first().waitFor()
    await page.keyboard.press('Escape')
    await go(page, 'uploads')
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    await page.getByText(told.sent).first().waitFor()
    await page.getByText(/in your library|had already/).waitFor()
    const grown = await page.evaluate(() => document.querySelectorAll('img[src="x"], main script, main iframe').length)
    return { seen, grown, scripts: await page.evaluate(() => globalThis.ran ?? 0) }
  },

  /** After a reload a file goes on by its handle, and one without is asked for by its name. */
  async reload() {
    const page = await open({}, (what) => /ERR_(CONNECTION|ABORTED|NETWORK)/.test(what))
    page.on('dialog', (dialog) => dialog.accept())
    // The window of the system in which files are chosen belongs to no page; its answer is a handle of the browser's own files.
    await page.addInitScript(() => {
      globalThis.showDirectoryPicker = async () => { throw new DOMException('', 'AbortError') }
      globalThis.showOpenFilePicker = async () => [await (await navigator.storage.getDirectory()).getFileHandle('Handled.wav')]
    })
    await signIn(page)
    await page.evaluate(async (text) => {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
      const writer = await (await (await navigator.storage.getDirectory()).getFileHandle('Handled.wav', { create: true })).createWritable()
      await writer.write(bytes)
      await writer.close()
    }, fs.readFileSync(told.handled).toString('base64'))
    await go(page, 'uploads')
    const tools = await page.context().newCDPSession(page)
    const slow = (uploadThroughput) => tools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput })
    await slow(300_000)
    await page.getByRole('button', { name: 'Choose files' }).click()
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.plain)
    await until(() => page.evaluate(async () => (await (await fetch('/uploads')).json()).uploads.length === 2), 'both on their way')
    await page.reload()
    await page.getByText('choose Plain.wav once more').waitFor()
    await slow(-1)
    await page.getByText(/in your library/).first().waitFor()
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.plain)
    await until(async () => (await page.getByText(/in your library/).count()) === 2, 'the other one')
    const names = await page.locator('ul[aria-label=Uploads] .name').allTextContents()
    await page.reload()
    await page.getByText('Drop files or folders').waitFor()
    return { names, after: await page.locator('ul[aria-label=Uploads] li').count() }
  },

  /** What somebody has going on is shown to him and to admins alone, and ends at a click; so does another session of his. */
  async goings() {
    const [page, admin, third] = [await open(), await open(), await open()]
    await signIn(page)
    await signIn(third)
    await signIn(admin, told.admin.name, told.admin.password)
    await page.evaluate(() => fetch('/uploads', { method: 'POST', headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '1000', 'Upload-Metadata': `filename ${btoa('Slow.wav')}` } }))
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.long}` }).click()
    await until(async () => (await place(page)) > 0.3, 'time')
    await go(page, 'account')
    await go(admin, 'server')
    const rows = (where, list) => where.getByRole('list', { name: list }).getByRole('listitem')
    const mine = await until(async () => (await rows(page, 'Uploads under way').count()) === 1 && (await rows(page, 'Uploads under way').innerText()), 'my upload')
    const seen = await until(async () => (await rows(admin, 'Uploads under way').count()) === 1 && (await rows(admin, 'Uploads under way').innerText()), 'an upload for the admin')
    await admin.getByRole('button', { name: 'Cancel the upload Slow.wav' }).click()
    await until(async () => (await rows(page, 'Uploads under way').count()) === 0, 'its end')
    await page.getByRole('button', { name: /^Sign out .+/ }).click()
    await third.locator('[name=password]').waitFor()
    return { mine, seen }
  },

  /** A letter leads to the first name that begins with it, also where nothing of the list was read before. */
  async letters() {
    const page = await open()
    await signIn(page)
    const seen = {}
    for (const [view, letter] of told.jumps) {
      await go(page, view)
      await page.getByRole('navigation', { name: 'Letters' }).getByRole('button', { name: letter, exact: true }).click()
      const first = page.locator('#main').getByRole('link', { name: new RegExp(`${letter}(nders| days) \\d+`) }).first()
      await first.waitFor()
      seen[view] = { first: await first.innerText(), shown: await until(() => first.evaluate((link) => link.getBoundingClientRect().top < innerHeight), 'the letter') }
    }
    return seen
  },

  /** Ten channels are five stems, each of which is heard alone. */
  async five() {
    const page = await open()
    await page.addInitScript(TAP)
    // Of five stems the server keeps one file of ten channels: here each pair is a tone of its own.
    const [rate, seconds, pairs] = [8_000, 60, 5]
    const wav = Buffer.alloc(68 + rate * seconds * pairs * 4)
    wav.write('RIFF'); wav.writeUInt32LE(wav.length - 8, 4); wav.write('WAVEfmt ', 8); wav.writeUInt32LE(40, 16); wav.writeUInt16LE(0xfffe, 20)
    wav.writeUInt16LE(2 * pairs, 22); wav.writeUInt32LE(rate, 24); wav.writeUInt32LE(rate * pairs * 4, 28); wav.writeUInt16LE(pairs * 4, 32); wav.writeUInt16LE(16, 34)
    wav.writeUInt16LE(22, 36); wav.writeUInt16LE(16, 38); Buffer.from('0100000000001000800000aa00389b71', 'hex').copy(wav, 44); wav.write('data', 60); wav.writeUInt32LE(wav.length - 68, 64)
    const tone = (pair) => 430 * (pair + 1)
    for (let at = 0; at < rate * seconds; at++) {
      for (let channel = 0; channel < 2 * pairs; channel++) wav.writeInt16LE(Math.round(5000 * Math.sin((2 * Math.PI * tone(channel >> 1) * at) / rate)), 68 + 2 * (at * 2 * pairs + channel))
    }
    const names = ['vocals', 'drums', 'bass', 'piano', 'other']
    const set = { engine: 'spleeter', notes: [], created_at: null, duration_seconds: seconds, stems: names.map((name) => ({ name, size_bytes: 1000, url: '' })), all: ['all.wav'] }
    await page.route(/\/stems$/, (route) => route.fulfill({ json: set }))
    await page.route(/\/stems\/all\.wav$/, (route) => route.fulfill({ body: wav, contentType: 'audio/wav', headers: { 'Accept-Ranges': 'bytes' } }))
    await signIn(page)
    await go(page, `stems/${told.track}`)
    await page.getByRole('button', { name: 'Play the mix' }).click()
    await until(() => loudest(page), 'the mix')
    const heard = []
    for (const name of names) {
      await page.getByRole('button', { name: `Solo ${name}` }).click()
      heard.push(await until(() => page.evaluate((tones) => {
        const analyser = globalThis.heard.at(-1)
        const bins = new Float32Array(analyser.frequencyBinCount)
        analyser.getFloatFrequencyData(bins)
        const level = (tone) => bins[Math.round((tone * 2 * bins.length) / analyser.context.sampleRate)]
        const [loud, ...rest] = tones.map((tone, at) => [level(tone), at]).sort((a, b) => b[0] - a[0])
        // One tone alone is far above the others.
        return loud[0] > -50 && rest.every(([other]) => loud[0] - other > 30) && `${loud[1] + 1}`
      }, names.map((_, pair) => tone(pair))), `${name} alone`))
      await page.getByRole('button', { name: `Solo ${name}` }).click()
    }
    return { heard }
  },

  /** Whether a browser would install it, and what its manifest says. */
  async installed() {
    // What is forgotten when its window is closed cannot be installed.
    const kept = await chromium.launchPersistentContext(told.folder, { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' })
    const page = kept.pages()[0] ?? (await kept.newPage())
    await signIn(page)
    const tools = await kept.newCDPSession(page)
    const { installabilityErrors } = await tools.send('Page.getInstallabilityErrors')
    const { data, errors, url } = await tools.send('Page.getAppManifest')
    const manifest = JSON.parse(data)
    const icons = await page.evaluate(({ icons, url }) => Promise.all(icons.map(({ src, sizes }) => new Promise((yes, no) => {
      const image = new Image()
      image.onload = () => yes([sizes, `${image.naturalWidth}x${image.naturalHeight}`])
      image.onerror = no
      image.src = new URL(src, url)
    }))), { icons: manifest.icons, url })
    const start = await page.evaluate(async (at) => (await fetch(at)).status, new URL(manifest.start_url, url).href)
    await kept.close()
    return { errors, installability: installabilityErrors.map((error) => error.errorId), display: manifest.display, start, icons }
  },

  /** Every view in light and dark, wide and narrow: nothing wider than the window, nothing that axe finds, a picture of each. */
  async views() {
    const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
    const seen = []
    fs.mkdirSync(told.pictures, { recursive: true })
    for (const colorScheme of ['light', 'dark']) {
      for (const [width, height] of [[1440, 900], [390, 844]]) {
        const page = await open({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce', bypassCSP: true })
        await page.goto(`${told.origin}/`)
        await page.locator('[name=name]').waitFor()
        const look = async (name) => {
          await page.evaluate(axe)
          const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }))
          const violations = found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)}`)
          const wide = await page.evaluate(() => document.documentElement.scrollWidth)
          await page.screenshot({ path: `${told.pictures}/${name}-${width}-${colorScheme}.png` })
          seen.push({ name, width, colorScheme, violations, wide })
        }
        await look('sign-in')
        await signIn(page)
        for (const view of told.views) {
          await go(page, view)
          await page.getByRole('heading', { level: 1 }).waitFor()
          await page.waitForLoadState('load')
          await until(() => page.evaluate(() => [...document.images].every((image) => image.complete || image.loading === 'lazy')), 'pictures')
          await look(view.replaceAll('/', '-') || 'home')
        }
        await page.context().close()
      }
    }
    return { seen }
  },

  /** What the page holds at most while it sends a large file, sampled ten times a second. */
  async large() {
    const page = await open()
    await signIn(page)
    await go(page, 'uploads')
    await page.getByText('Drop files or folders').waitFor()
    const weigh = await weight(page)
    const before = await weigh(true)
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    const ended = page.getByText(/in your library|had already/).waitFor({ timeout: 20 * WAIT_MS })
    let [most, done] = [0, false]
    ended.finally(() => (done = true)).catch(() => {})
    while (!done) {
      most = Math.max(most, await weigh(false))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await ended
    return { heap_before: before, heap_most: most }
  },

  /** What the page holds while stems are mixed that are there already. */
  async mix() {
    const page = await open()
    await signIn(page)
    const weigh = await weight(page)
    const before = await weigh(true)
    await go(page, `stems/${told.track}`)
    await page.getByRole('button', { name: 'Play the mix' }).click()
    const slider = page.getByLabel('Place in the song')
    let most = 0
    for (const share of [0, 0.25, 0.5, 0.75, 0.95]) {
      await slider.evaluate((slider, share) => { slider.value = slider.max * share; slider.dispatchEvent(new Event('input', { bubbles: true })) }, share)
      await until(() => slider.evaluate((slider, share) => slider.valueAsNumber > slider.max * share + 1, share), 'the place')
      most = Math.max(most, await weigh(false))
    }
    return { heap_before: before, heap_most: most }
  },

  /** How fast a long library shows itself, and what scrolling through all of it leaves in memory. */
  async long() {
    const page = await open()
    const tools = await page.context().newCDPSession(page)
    const weigh = await weight(page)
    await tools.send('Network.enable')
    let scripts = 0
    const kinds = new Map()
    tools.on('Network.responseReceived', ({ requestId, type }) => kinds.set(requestId, type))
    tools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => kinds.get(requestId) === 'Script' && (scripts += encodedDataLength))
    await signIn(page)
    const first_load_script_bytes = scripts
    const before = await weigh(true)
    const first_rows_ms = await page.evaluate(async () => {
      const began = performance.now()
      location.hash = '/songs'
      while (!document.querySelector('.track')) await new Promise(requestAnimationFrame)
      return performance.now() - began
    })
    const high = await page.evaluate(() => document.documentElement.scrollHeight)
    const steps = told.scroll_steps
    for (let step = 0; step <= 2 * steps; step++) {
      const share = step <= steps ? step / steps : 2 - step / steps
      await page.evaluate((top) => scrollTo(0, top), share * high)
      await new Promise((resolve) => setTimeout(resolve, told.scroll_ms / (2 * steps)))
    }
    await page.locator('.track').first().waitFor()
    const after = await weigh(true)
    return { first_load_script_bytes, first_rows_ms, high, heap_before: before, heap_after: after }
  },
}

const seen = await scenes[scene]().catch((error) => ({ failed: error.stack }))
await browser.close()
console.log(JSON.stringify({ seen, complaints }))
