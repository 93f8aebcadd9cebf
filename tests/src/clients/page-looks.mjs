// How the page looks, and how much of it there is.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { WAIT_MS, go, open, place, signIn, told, until, weight } from './page-window.mjs'

/** What an upload may be told when it is refused: that it is no media. */
const REFUSED = (what) => /415/.test(what)

/** What lies over a view, and how somebody comes to it. */
const OPENED = {
  async player(page) {
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.played}`, exact: true }).click()
    await page.locator('section[aria-label=Player] .title').waitFor()
  },
  async queue(page) {
    await page.getByRole('button', { name: 'Show what plays' }).click()
    await page.getByRole('list', { name: 'Queue' }).waitFor()
  },
  async lyrics(page) {
    await page.getByRole('button', { name: 'Show what plays' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Lyrics' }).click()
    await page.getByRole('dialog').getByText(told.sung).waitFor()
  },
  async solo(page) {
    await page.keyboard.press('Escape')
    await go(page, told.stems)
    await page.getByRole('button', { name: 'Solo vocals' }).click()
  },
  async keys(page) {
    await page.keyboard.press('?')
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
  },
  async menu(page) {
    await page.keyboard.press('Escape')
    await go(page, 'songs')
    await page.getByRole('button', { name: `More for ${told.played}`, exact: true }).click()
    await page.getByRole('menu').waitFor()
  },
  /** Uploads as they come to be: one is done, one was refused, one rests, and one goes on. */
  async sending(page) {
    await page.keyboard.press('Escape')
    await go(page, 'uploads')
    const send = (file) => page.getByLabel('Files', { exact: true }).setInputFiles(file)
    const [done, refused, rests, goes] = told.files
    // Those of the window before, which is closed, wait at the server: nobody may have many.
    await page.evaluate(async (files) => {
      for (const { id, name } of (await (await fetch('/uploads')).json()).uploads) {
        if (files.some((file) => file.endsWith(`/${name}`))) await fetch(`/uploads/${id}`, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } })
      }
    }, told.files)
    await send([done, refused])
    await page.getByText(/in your library|had already/).waitFor()
    await page.getByRole('button', { name: 'Try again' }).waitFor()
    const tools = await page.context().newCDPSession(page)
    await tools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 300_000 })
    await send(rests)
    await until(async () => (await page.getByText(/[1-9][\d.]* .iB of .* are safe/).count()) === 1, 'some of it')
    await page.getByRole('button', { name: /^Pause ./ }).click()
    await page.getByText(/^Paused, /).waitFor()
    await send(goes)
    await page.getByText(/are safe, .*\/s/).waitFor()
  },
  async adding(page) {
    await page.keyboard.press('Escape')
    await go(page, 'server/users')
    await page.getByRole('button', { name: 'Add a user' }).click()
    await page.getByRole('dialog').waitFor()
  },
  async changing(page) {
    await page.keyboard.press('Escape')
    await go(page, 'server/users')
    await page.getByRole('button', { name: `Change ${told.user}` }).click()
    await page.getByRole('dialog').waitFor()
  },
  async removing(page) {
    await page.keyboard.press('Escape')
    await go(page, 'server/users')
    await page.getByRole('button', { name: `Change ${told.user}` }).click()
    await page.getByRole('dialog').getByRole('button', { name: /and all that is theirs$/ }).click()
    await page.getByRole('button', { name: 'Keep' }).waitFor()
  },
  async secret(page) {
    await page.keyboard.press('Escape')
    await go(page, 'account')
    await page.getByLabel('Which app the new password is for').fill('My telephone')
    await page.getByRole('button', { name: 'Make an app password' }).click()
    await page.getByRole('dialog').getByText('Your new app password').waitFor()
  },
  async renaming(page) {
    await page.keyboard.press('Escape')
    await go(page, told.playlist)
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByRole('dialog').waitFor()
  },
  async unlisting(page) {
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Remove this playlist' }).click()
    await page.getByRole('dialog').waitFor()
  },
  async purging(page) {
    await page.keyboard.press('Escape')
    await go(page, 'server/libraries')
    await page.getByRole('main').getByRole('button', { name: 'Purge everything' }).click()
    await page.getByRole('dialog').waitFor()
  },
}

/** How many things of the page would move, or take their time to change. */
const restless = (page) =>
  page.evaluate(() => document.getAnimations().length + [...document.querySelectorAll('*')].filter((one) => {
    const { transitionDuration, animationName } = getComputedStyle(one)
    return /[1-9]/.test(transitionDuration) || animationName !== 'none'
  }).length)

export const looks = {
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
    const [seen, lively] = [[], []]
    fs.mkdirSync(told.pictures, { recursive: true })
    for (const colorScheme of ['light', 'dark']) {
      for (const [width, height] of [[1440, 900], [390, 844]]) {
        const page = await open({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce', bypassCSP: true }, REFUSED)
        await page.goto(`${told.origin}/`)
        await page.locator('[name=name]').waitFor()
        const look = async (name) => {
          await page.evaluate(axe)
          const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }))
          const violations = found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)}`)
          const wide = await page.evaluate(() => document.documentElement.scrollWidth)
          await page.screenshot({ path: `${told.pictures}/${name}-${width}-${colorScheme}.png` })
          // Whoever wants nothing to move sees nothing move.
          seen.push({ name, width, colorScheme, violations, wide, moving: await restless(page) })
        }
        await look(`${told.named}sign-in`)
        await signIn(page)
        for (const view of told.views) {
          await go(page, view)
          await page.getByRole('heading', { level: 1 }).waitFor()
          await page.waitForLoadState('load')
          await until(() => page.evaluate(() => [...document.images].every((image) => image.complete || image.loading === 'lazy')), 'pictures')
          await look(told.named + (view.replaceAll('/', '-') || 'home'))
        }
        for (const [name, show] of told.played ? Object.entries(OPENED) : []) {
          await show(page)
          await page.waitForLoadState('load')
          await look(told.named + name)
          await page.keyboard.press('Escape')
        }
        await page.emulateMedia({ reducedMotion: 'no-preference' })
        lively.push(await restless(page))
        await page.context().close()
      }
    }
    return { seen, lively }
  },

  /** The four pictures that README shows. */
  async readme() {
    const page = await open({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' })
    await signIn(page)
    fs.mkdirSync(told.pictures, { recursive: true })
    const take = (name) => page.screenshot({ path: `${told.pictures}/${name}.png` })
    const loaded = () => until(() => page.evaluate(() => [...document.images].every((image) => image.complete || image.loading === 'lazy')), 'pictures')
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.song}`, exact: true }).click()
    await page.mouse.move(0, 0)
    await go(page, '')
    await page.getByRole('heading', { name: 'Recently added' }).waitFor()
    await loaded()
    await until(async () => (await place(page)) > 1, 'time')
    await take('library')
    await page.getByRole('button', { name: 'Lyrics', exact: true }).click()
    await page.locator('dialog .sung').getByText(told.sung).waitFor()
    await take('player')
    await page.keyboard.press('Escape')
    await go(page, `stems/${told.track}`)
    await page.getByRole('button', { name: 'Take it apart' }).click()
    await page.getByRole('button', { name: 'Play the mix' }).click({ timeout: 3 * WAIT_MS })
    await page.getByRole('button', { name: 'Solo vocals' }).click()
    await until(async () => (await place(page, 'Place in the song')) > 2, 'the mix')
    await take('stems')
    await go(page, 'server')
    await page.locator('.plot canvas').waitFor()
    await take('server')
    return { taken: fs.readdirSync(told.pictures).sort() }
  },

  /** Covers come late, and nothing moves when they do; what is put in on top, which must move the rest, is seen to. */
  async still() {
    const page = await open()
    await signIn(page)
    let come
    const late = new Promise((resolve) => (come = resolve))
    await page.route(/\/cover\?/, async (route) => { await late; await route.continue() })
    await go(page, 'albums')
    await page.locator('img').first().waitFor()
    await page.evaluate(() => {
      globalThis.jumps = 0
      new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (jumps += value))).observe({ type: 'layout-shift' })
    })
    const jumps = () => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(jumps))))))
    const awaited = await page.evaluate(() => [...document.images].filter((image) => !image.complete).length)
    come()
    await until(() => page.evaluate(() => [...document.images].every((image) => image.complete && image.naturalWidth)), 'covers')
    const still = await jumps()
    await page.evaluate(() => document.querySelector('main').prepend(Object.assign(document.createElement('p'), { style: 'height: 200px' })))
    return { awaited, still, moved: await until(jumps, 'a jump') }
  },

  /** A window may be as narrow as a small phone and as wide as a wall: everything fits, and lies in its middle. */
  async widths() {
    const page = await open()
    await signIn(page)
    const seen = []
    for (const [width, height] of [[360, 740], [3840, 2160]]) {
      await page.setViewportSize({ width, height })
      for (const view of told.views) {
        await go(page, view)
        await page.getByRole('heading', { level: 1 }).waitFor()
        seen.push(await page.evaluate(({ view, width }) => {
          const main = document.querySelector('main').getBoundingClientRect()
          const [left, right] = [main.left - (document.querySelector('header').getBoundingClientRect().right % innerWidth), document.documentElement.clientWidth - main.right]
          return { view, width, wide: document.documentElement.scrollWidth, share: main.width / innerWidth, beside: Math.round(left - right) }
        }, { view, width }))
      }
    }
    return { seen }
  },

  /** Whatever can be pressed in a view is come to by the tabulator, and is seen to have the focus. */
  async keys() {
    const page = await open()
    await signIn(page)
    await page.keyboard.press('Tab')
    const first = await page.evaluate(() => document.activeElement.textContent)
    const [missed, unseen, reached] = [[], [], {}]
    for (const view of told.views) {
      await go(page, view)
      await page.getByRole('heading', { level: 1 }).waitFor()
      // What a view asks for comes after its heading.
      if (told.shown[view]) await page.getByRole('main').getByLabel(told.shown[view]).first().waitFor()
      await page.evaluate(() => {
        document.querySelectorAll('[data-reached]').forEach((one) => delete one.dataset.reached)
        document.activeElement.blur()
      })
      // A view may show more while it is gone through, which is to be come to as well.
      for (let step = 1; ; step++) {
        await page.keyboard.press('Tab')
        const { name, shown, left, all } = await page.evaluate(() => {
          const called = (one) => one.getAttribute('aria-label') ?? (one.textContent.trim() || one.outerHTML.slice(0, 80))
          const seen = (one) => getComputedStyle(one).outlineStyle !== 'none'
          const at = document.activeElement
          at.dataset.reached = 'yes'
          const things = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [contenteditable], [tabindex="0"]')]
          const open = things.filter((one) => !one.disabled && one.checkVisibility({ visibilityProperty: true }) && one.tabIndex >= 0)
          const left = open.filter((one) => one.dataset.reached !== 'yes').map(called)
          const shown = !open.includes(at) || seen(at) || seen(at.parentElement)
          return { name: called(at), shown, left, all: open.length }
        })
        if (!shown) unseen.push(`${view}: ${name}`)
        reached[view] = all
        if (left.length && step < 3 * all) continue
        missed.push(...left.map((one) => `${view}: ${one}`))
        break
      }
    }
    return { first, missed, unseen, reached }
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
