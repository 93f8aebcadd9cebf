// What senders do, over lines that break, pages that are loaded again, and servers that are killed.
import fs from 'node:fs'
import { WAIT_MS, another, go, open, place, signIn, told, until, weight } from './page-window.mjs'

const lines = new WeakMap()
/** A line that takes so many bytes in a second; -1 is as many as it can. What one session of the tools slows another does not make faster. */
async function slowly(page, uploadThroughput) {
  if (!lines.has(page)) lines.set(page, await page.context().newCDPSession(page))
  await lines.get(page).send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput })
}

/** What has not ended, as the server tells it. */
const atServer = (page) => page.evaluate(async () => (await (await fetch('/uploads')).json()).uploads)

export const uploads = {
  /** A large file on a slow line; whoever runs this kills the server meanwhile and starts it again. */
  async upload() {
    const page = await open({}, (what) => what.includes('ERR_CONNECTION') || what.includes('ERR_EMPTY') || what.includes('ERR_INCOMPLETE'))
    await signIn(page)
    await go(page, 'uploads')
    await page.getByText('Drop files or folders').waitFor()
    await slowly(page, told.bytes_per_second)
    let isBroken = false
    let went_on
    page.on('requestfailed', (request) => (isBroken ||= request.method() === 'PATCH'))
    page.on('request', (request) => {
      if (isBroken && request.method() === 'PATCH') went_on ??= Number(request.headers()['upload-offset'])
    })
    // A server that is soon back is missed for a moment only, and that is said even so.
    await page.evaluate((words) => {
      const main = document.querySelector('main')
      const look = () => (globalThis.missed ||= main.textContent.includes(words))
      new MutationObserver(look).observe(main, { childList: true, characterData: true, subtree: true })
    }, 'The server cannot be reached; this goes on when it is back')
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    // From the first try that failed the row says why nothing comes, and no longer than that is so.
    await until(() => page.evaluate(() => globalThis.missed), 'why nothing comes')
    await page.getByRole('list', { name: 'Uploads' }).getByText(/are safe/).waitFor()
    await page.getByText('in your library').waitFor({ timeout: 4 * WAIT_MS })
    await page.getByRole('button', { name: 'Play', exact: true }).first().click()
    await until(async () => (await place(page)) > 0.5, 'the song that was sent')
    return { title: await page.locator('section[aria-label=Player] .title').textContent(), went_on }
  },

  /** The same bytes under two names, and then thousands of small files at once: one is sent, and few rows are drawn. */
  async thousands() {
    const page = await open()
    await page.addInitScript(() => {
      globalThis.longest_ms = 0
      new PerformanceObserver((tasks) => { for (const { duration } of tasks.getEntries()) globalThis.longest_ms = Math.max(globalThis.longest_ms, duration) }).observe({ type: 'longtask' })
    })
    await signIn(page)
    await go(page, 'uploads')
    await slowly(page, 500_000)
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.twins)
    await page.getByText(/, in your library/).waitFor()
    await page.getByText(/which the server had already/).waitFor()
    await slowly(page, -1)
    const other = await another(page.context())
    await other.goto(`${told.origin}/app/#/uploads`)
    await other.getByText('Drop files or folders').waitFor()
    await page.evaluate((files) => {
      const bytes = (number) => {
        const wav = new DataView(new ArrayBuffer(44 + 4000))
        const text = (at, word) => [...word].forEach((letter, by) => wav.setUint8(at + by, letter.charCodeAt(0)))
        text(0, 'RIFF'), wav.setUint32(4, 36 + 4000, true), text(8, 'WAVEfmt '), wav.setUint32(16, 16, true)
        wav.setUint16(20, 1, true), wav.setUint16(22, 1, true), wav.setUint32(24, 8000, true), wav.setUint32(28, 16000, true)
        wav.setUint16(32, 2, true), wav.setUint16(34, 16, true), text(36, 'data'), wav.setUint32(40, 4000, true), wav.setUint32(44, number, true)
        return wav.buffer
      }
      const chosen = new DataTransfer()
      for (let number = 0; number < files; number++) chosen.items.add(new File([bytes(number)], `Small ${number}.wav`))
      document.querySelector('input[aria-label=Files]').files = chosen.files
    }, told.files)
    // A task of its own, so that making the files is not counted.
    await page.evaluate(() => {
      globalThis.longest_ms = 0
      document.querySelector('input[aria-label=Files]').dispatchEvent(new Event('change', { bubbles: true }))
    })
    await page.getByText(`of ${(told.files + 2).toLocaleString()} files have arrived`).waitFor()
    const rows = (page) => page.locator('[aria-label=Uploads] [role=listitem]')
    await other.getByText('On its way in another window').first().waitFor()
    const seen = [await rows(page).count(), await rows(other).count()]
    const done = await until(async () => { const [, done] = /^(\d+) of/.exec(await page.getByText(/files have arrived/).textContent()) ?? []; return Number(done) >= 40 && Number(done) }, 'some of them')
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
    await page.getByText(`Small ${told.files - 1}.wav`).waitFor()
    return { seen: [...seen, await rows(page).count()], done, longest_ms: await page.evaluate(() => globalThis.longest_ms) }
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
    await slowly(page, 300_000)
    await page.getByRole('button', { name: 'Choose files' }).click()
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.plain)
    await until(async () => (await atServer(page)).length === 2, 'both on their way')
    await page.reload()
    await page.getByText('choose Plain.wav once more').waitFor()
    await slowly(page, -1)
    await page.getByText(/in your library/).first().waitFor()
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.plain)
    await until(async () => (await page.getByText(/in your library/).count()) === 2, 'the other one')
    const names = await page.locator('[aria-label=Uploads] .name').allTextContents()
    await page.reload()
    await page.getByText('Drop files or folders').waitFor()
    return { names, after: await page.locator('[aria-label=Uploads] [role=listitem]').count() }
  },

  /** What was on its way before a reload is cancelled at the server as well, though this page has sent nothing of it. */
  async cancel() {
    const page = await open({}, (what) => /ERR_(CONNECTION|ABORTED|NETWORK)/.test(what))
    page.on('dialog', (dialog) => dialog.accept())
    await signIn(page)
    await go(page, 'uploads')
    await slowly(page, 300_000)
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    const [{ id }] = await until(async () => { const all = await atServer(page); return all.length === 1 && all }, 'an upload at the server')
    await page.reload()
    await page.getByText('choose Plain.wav once more').waitFor()
    await page.getByRole('button', { name: 'Cancel Plain.wav' }).click()
    await page.getByRole('button', { name: 'Cancel Plain.wav' }).waitFor({ state: 'detached' })
    const left = (await atServer(page)).length
    await page.reload()
    await page.getByText('Drop files or folders').waitFor()
    return { id, left, after: await page.locator('[aria-label=Uploads] [role=listitem]').count() }
  },

  /** A folder is dropped on another view, with folders in it and a file that is no media; after a reload a click lets its files be read. */
  async dropped() {
    const page = await open({}, (what) => /ERR_(CONNECTION|ABORTED|NETWORK)/.test(what))
    page.on('dialog', (dialog) => dialog.accept())
    // The browser's own question belongs to no page, and this one never asks; what the page sees of it is the same.
    await page.addInitScript(() => {
      if (!sessionStorage.getItem('asks')) return
      let granted = false
      FileSystemHandle.prototype.queryPermission = async () => (granted ? 'granted' : 'prompt')
      FileSystemHandle.prototype.requestPermission = async () => {
        if (!navigator.userActivation.isActive) throw new DOMException('User activation is required', 'SecurityError')
        granted = true
        return 'granted'
      }
    })
    await signIn(page)
    await go(page, 'albums')
    await page.getByRole('heading', { level: 1, name: 'Albums' }).waitFor()
    await slowly(page, 30_000)
    const tools = await page.context().newCDPSession(page)
    const drag = (type) => tools.send('Input.dispatchDragEvent', { type, x: 600, y: 400, data: { items: [], files: [told.folder], dragOperationsMask: 1 } })
    await drag('dragEnter')
    await drag('dragOver')
    await page.getByText('Drop to upload').waitFor()
    await drag('drop')
    await page.getByText('1 file is no sound, video or picture').waitFor()
    const rows = page.locator('[aria-label=Uploads] .name')
    const paths = await until(async () => (await rows.count()) === told.files && rows.evaluateAll((names) => names.map((name) => name.title)), 'its files')
    await until(async () => (await atServer(page)).length === told.files, 'all of them on their way')
    await page.evaluate(() => sessionStorage.setItem('asks', 'yes'))
    await page.reload()
    const allow = page.getByRole('button', { name: 'Go on' })
    await until(async () => (await allow.count()) === told.files, 'questions')
    await slowly(page, -1)
    // One answer is for one file; the keys do what a click does.
    for (let left = told.files; left > 0; left--) {
      await allow.first().focus()
      await page.keyboard.press('Enter')
      await until(async () => (await allow.count()) === left - 1, 'an answer')
    }
    await until(async () => (await page.getByText('in your library').count()) === told.files, 'all of them')
    return { paths, kept: (await page.evaluate(() => fetch('/tracks').then((answer) => answer.json()))).tracks.map((track) => track.title) }
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
}
