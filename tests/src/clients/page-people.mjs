// What people see of themselves, of each other, of the server, and of what they made.
import { between, go, open, place, signIn, told, until } from './page-window.mjs'

/** Mebibytes, as the page writes them. */
function mib(text) {
  const [, value, unit] = /([\d.]+) ([KMG])iB$/.exec(text) ?? []
  return Number(value) * { K: 1 / 1024, M: 1, G: 1024 }[unit]
}

export const people = {
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

  /** An admin chooses quickly what somebody sees; a choice that does not arrive is taken back. */
  async chooses() {
    const page = await open({}, (what) => /ERR_FAILED/.test(what))
    await signIn(page)
    await go(page, 'server/users')
    await page.getByRole('button', { name: `Change ${told.user}` }).click()
    const boxes = page.getByRole('group', { name: 'Sees these libraries' })
    const box = (name) => boxes.getByRole('checkbox', { name })
    const ticked = boxes.getByRole('checkbox', { checked: true })
    const given = () => page.evaluate(async (name) => {
      const { users } = await (await fetch('/users')).json()
      return users.find((user) => user.name === name).libraries
    }, told.user)
    await box('All').click()
    await box(told.libraries[0]).waitFor()
    await until(async () => (await ticked.count()) ? ticked.first().click() : (await given())?.length === 0, 'no library')
    // Both are ticked before the first answer is there.
    const [url, answers] = ['**/users/us-*', []]
    await page.route(url, async (route) => {
      answers.push(route.request().postDataJSON())
      await until(async () => (await ticked.count()) === told.libraries.length, 'both')
      await route.continue()
    })
    for (const name of told.libraries) await box(name).click()
    await until(() => answers.length === told.libraries.length, 'both changes')
    await page.unroute(url, { behavior: 'wait' })
    const seen = await until(async () => { const now = await given(); return now.length === answers.at(-1).libraries.length && now }, 'what was chosen last')
    await page.route(url, (route) => route.abort())
    await box(told.libraries[0]).click()
    await page.getByText('cannot be reached').waitFor()
    await until(() => box(told.libraries[0]).isChecked(), 'the box as it was')
    return { seen, names: await boxes.getByRole('checkbox').evaluateAll((boxes) => boxes.map((box) => box.parentElement.innerText.trim())) }
  },

  /** Somebody gives a star and goes; who comes then has given none. */
  async stars() {
    const page = await open()
    await signIn(page)
    const star = page.getByRole('button', { name: `Star ${told.song}` })
    await go(page, 'songs')
    const given = page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.url().includes('/stars/'))
    await star.click()
    await (await given).finished()
    const mine = await star.getAttribute('aria-pressed')
    // In another window it is taken away; rows that are read after that know it.
    await page.evaluate((id) => fetch(`/stars/${id}`, { method: 'DELETE' }), told.song_id)
    await go(page, 'albums')
    await page.getByRole('heading', { level: 1, name: 'Albums' }).waitFor()
    await go(page, 'songs')
    await until(async () => (await star.getAttribute('aria-pressed')) === 'false', 'no star')
    await star.click()
    await until(async () => (await star.getAttribute('aria-pressed')) === 'true', 'a star')
    await go(page, 'account')
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.fill('[name=name]', told.other.name)
    await page.fill('[name=password]', told.other.password)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor()
    await go(page, 'songs')
    return { mine, other: await star.getAttribute('aria-pressed') }
  },

  /** Lists of what goes on that are longer than a page are turned, to the last row of all, which is stopped. */
  async turned() {
    const page = await open()
    await signIn(page)
    await go(page, told.view)
    const list = page.getByRole('list', { name: 'Uploads under way' })
    const pages = page.getByRole('navigation', { name: 'Pages of uploads' })
    const seen = []
    for (const place of told.places) {
      await pages.getByText(place).waitFor()
      seen.push(...(await until(async () => { const names = await list.locator('.name').allTextContents(); return names[0] !== seen.at(-names.length) && names }, place)))
      const next = pages.getByRole('button', { name: 'Next' })
      if (await next.isDisabled()) break
      await next.focus()
      await page.keyboard.press('Enter')
    }
    await page.getByRole('button', { name: `Cancel the upload ${seen.at(-1)}`, exact: true }).click()
    await pages.getByText(told.fewer).waitFor()
    await pages.getByRole('button', { name: 'Before' }).click()
    await pages.getByText(told.places.at(-2).replace(/of .*/, '')).waitFor()
    return { seen }
  },

  /** While something is made, its child's memory is told beside the server's, and is in the sum. */
  async children() {
    const page = await open()
    await signIn(page)
    await go(page, 'server')
    const list = page.getByRole('list', { name: 'Whose memory it is' })
    return until(async () => {
      // Read at once, so that all is of one moment.
      const [rows, resident] = await list.evaluate((list) => [[...list.children].map((row) => row.innerText), list.closest('section').querySelector('dl dd').innerText])
      const most = await page.locator('dl div').filter({ hasText: 'The most so far' }).locator('dd').innerText()
      const child = rows.find((row) => row.startsWith('ffmpeg'))
      return child && mib(child) > told.least_mib && { rows: rows.map(mib), names: rows.map((row) => row.replace(/ [\d.]+ .iB$/, '')), resident: mib(resident), most: mib(most) }
    }, 'the memory of a child')
  },

  /** The picture of the memory begins before the page was opened, and anew with another server. */
  async remembered() {
    const line = await between()
    // Whoever reads what is painted is advised to say so before.
    const page = await open({}, (what) => /readback|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE/.test(what))
    const opened = Date.now()
    await signIn(page)
    await go(page, 'server')
    const time = page.locator('time')
    const drawn = async () => {
      await time.waitFor()
      const swatch = page.getByRole('row', { name: /^transforms/ }).locator('th i')
      const colour = await swatch.evaluate((swatch) => getComputedStyle(swatch).backgroundColor.match(/\d+/g).map(Number))
      // Where something was made, the picture has its colour.
      const pixels = await page.locator('.plot canvas').evaluate((canvas, colour) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        let pixels = 0
        for (let at = 0; at < data.length; at += 4) pixels += colour.every((value, part) => Math.abs(data[at + part] - value) < 8)
        return pixels
      }, colour)
      return { from: Date.parse(await time.getAttribute('datetime')), words: await time.innerText(), pixels }
    }
    const seen = [await until(async () => { const now = await drawn(); return now.from < opened && now }, 'what was before')]
    await page.screenshot({ path: `${told.pictures}/memory.png` })
    // Whoever opens it again sees it again.
    await page.reload()
    seen.push(await until(async () => { const now = await drawn(); return now.from < opened && now }, 'what was before, again'))
    const now = await page.getByRole('row', { name: /^transforms/ }).locator('td').first().innerText()
    // Another server remembers nothing of all that.
    await page.route('**/memory', (route) => route.fulfill({ json: { pools: [], moments: [] } }))
    line.break()
    seen.push(await until(async () => { const now = await drawn(); return now.from > opened && now }, 'another beginning'))
    return { opened, now, seen }
  },

  /** Every address that is shown for a rendition is answered, and both ways to write it give the same bytes. */
  async spellings() {
    const page = await open()
    await signIn(page)
    await go(page, `video/${told.video}`)
    const section = page.getByRole('region', { name: 'Make a rendition' })
    const seen = []
    for (const [mode, format, sliders] of told.wishes) {
      await section.getByRole('button', { name: mode, exact: true }).click()
      await section.getByLabel('Format').selectOption(format)
      for (const [name, value] of Object.entries(sliders)) await section.getByRole('slider', { name: new RegExp(`^${name}`) }).fill(String(value))
      const addresses = await section.locator('code').allTextContents()
      const bodies = []
      for (const address of addresses) {
        // What is made is given as it grows, and whole afterwards.
        bodies.push(await until(() => page.evaluate(async (address) => {
          const answer = await fetch(address)
          const bytes = await answer.arrayBuffer()
          if (answer.ok && !/hit/.test(answer.headers.get('Cache-Status'))) return null
          const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
          return { status: answer.status, bytes: bytes.byteLength, type: answer.headers.get('Content-Type'), digest: digest.toHex?.() ?? digest.join() }
        }, address), address))
      }
      seen.push({ addresses, bodies })
    }
    return { seen }
  },

  /** How large a rendition is, is said when it is whole, and whether it is kept. */
  async sized() {
    const page = await open()
    await signIn(page)
    await go(page, `video/${told.video}`)
    const section = page.getByRole('region', { name: 'Make a rendition' })
    const said = (words) => section.getByRole('status').filter({ hasText: words }).textContent()
    const make = async () => {
      await section.getByRole('slider', { name: /^Width/ }).fill('160')
      await section.getByRole('slider', { name: /^Length/ }).fill('90')
      await section.getByRole('button', { name: 'Make it' }).click()
    }
    await make()
    const [growing, made] = [await said('while it is made'), await said('made just now and kept')]
    const length = await section.getByLabel('The rendition').evaluate((video) => fetch(video.src, { method: 'HEAD' }).then((answer) => Number(answer.headers.get('Content-Length'))))
    await page.reload()
    await make()
    return { growing, made, length, again: await said('it was there already') }
  },

  /** A video that was sent is shown where videos are, and not played as a song, whatever address others know the server by. */
  async filmed() {
    const page = await open({}, (what) => /ERR_FAILED/.test(what))
    await page.addInitScript(() => { navigator.clipboard.writeText = async (text) => (globalThis.copied = text) })
    await signIn(page)
    await go(page, 'uploads')
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    await page.getByText('in your library').waitFor()
    await page.getByRole('main').getByRole('button', { name: 'Play', exact: true }).click()
    await page.getByRole('button', { name: 'Play video' }).click()
    await until(async () => (await place(page, 'Place in the video')) > 0.5, 'the video')
    await page.getByLabel('Place in the video').focus()
    await page.keyboard.press('Home')
    await until(async () => (await page.locator('.tile .picture').count()) || (await page.keyboard.press('ArrowRight'), false), 'the picture of that moment')
    await until(() => page.locator('video').first().evaluate(async ({ poster }) => { const image = new Image(); image.src = poster; return image.decode().then(() => true, () => false) }), 'its poster')
    // The script for pieces does not come at first: that is said, and what was there plays on.
    const quality = page.getByLabel('Quality')
    await page.route(/hls/, (route) => route.abort())
    await quality.selectOption('auto')
    await page.getByText('did not come. The original plays').waitFor()
    await until(async () => (await quality.inputValue()) === 'original', 'the original')
    await page.unroute(/hls/)
    const pieces = page.waitForResponse((answer) => /\.m4s/.test(answer.url()))
    await quality.selectOption('auto')
    await pieces
    // A height is left again by the key that led to it.
    const height = page.getByRole('slider', { name: /^Height/ })
    await height.focus()
    const heights = []
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowLeft']) {
      await page.keyboard.press(key)
      heights.push(await until(async () => { const value = Number(await height.inputValue()); return value !== heights.at(-1) && String(value) }, 'another height').then(Number))
    }
    await page.getByRole('button', { name: 'Copy the address', exact: true }).click()
    const copied = await until(() => page.evaluate(() => globalThis.copied), 'an address to share')
    return { heights, copied, title: await page.getByRole('heading', { level: 1 }).textContent(), songs: await page.locator('section[aria-label=Player] .title').count() }
  },
}
