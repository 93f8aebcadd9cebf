// What listeners do: play, keep, sort, find.
import { copyFileSync } from 'node:fs'
import { TAP, go, loudest, open, place, signIn, told, until, weight } from './page-window.mjs'

export const listening = {
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

  /** A queue is shuffled and changed, and then shuffled no more: at once, after a reload, and after a new sign-in. */
  async shuffled() {
    const page = await open()
    // A song that goes on is not made to rest.
    await page.addInitScript(() => {
      const { pause } = HTMLMediaElement.prototype
      globalThis.rests = 0
      HTMLMediaElement.prototype.pause = function () {
        globalThis.rests++
        return pause.call(this)
      }
    })
    await signIn(page)
    const [first, , , removed] = told.titles
    const queue = page.getByRole('list', { name: 'Queue' })
    const titles = async () => {
      await page.getByRole('button', { name: 'Queue', exact: true }).click()
      await queue.waitFor()
      const found = await queue.locator('.pick > span:first-child').allTextContents()
      await page.keyboard.press('Escape')
      await queue.waitFor({ state: 'detached' })
      return found
    }
    const shuffle = page.locator('section[aria-label=Player]').getByRole('button', { name: 'Shuffle' })
    const menu = async (title, words) => {
      await page.getByRole('button', { name: `More for ${title}`, exact: true }).click()
      await page.getByRole('menuitem', { name: words, exact: true }).click()
    }
    await go(page, `playlist/${told.playlist}`)
    await page.getByRole('button', { name: `Play ${first}`, exact: true }).click()
    await until(async () => (await place(page)) > 0.3, 'the first song')
    const [at, rests] = [await place(page), await page.evaluate(() => globalThis.rests)]
    await shuffle.click()
    const mixed = await titles()
    await page.getByRole('button', { name: 'Queue', exact: true }).click()
    await page.getByRole('button', { name: `Remove ${removed} from the queue` }).locator('xpath=..').locator('.pick').focus()
    await page.keyboard.press('Delete')
    const focused = await until(() => page.evaluate(() => document.activeElement?.matches('[aria-label=Queue] .pick')), 'the focus in the queue')
    await page.keyboard.press('Escape')
    await go(page, 'songs')
    await menu(told.next, 'Play next')
    await menu(told.late, 'Add to queue')
    const changed = await titles()
    await shuffle.click()
    const orders = [await titles()]
    const goesOn = (await place(page)) > at && (await page.evaluate(() => globalThis.rests)) === rests
    // What is told of it at the end of a page is not heard of by that page.
    const renewed = [() => page.reload(), async () => {
      await go(page, 'account')
      await page.getByRole('button', { name: 'Sign out', exact: true }).click()
      await page.locator('[name=name]').waitFor()
      await signIn(page)
    }]
    const kept = []
    for (const renew of renewed) {
      await shuffle.click()
      const before = await titles()
      await renew()
      await page.locator('section[aria-label=Player] .title').waitFor()
      await until(async () => (await shuffle.getAttribute('aria-pressed')) === 'true', 'a queue that is shuffled')
      kept.push((await titles()).join() === before.join())
      await shuffle.click()
      orders.push(await titles())
    }
    return { mixed, changed, orders, goesOn, kept, focused }
  },

  /** Two songs as loud as others, the last one first, round and round: no moment is louder, and the first one is there before the last one ends. */
  async even() {
    const page = await open()
    await page.addInitScript(TAP)
    await page.addInitScript(() => {
      const samples = new Float32Array(2048)
      globalThis.most = 0
      const look = () => {
        for (const analyser of globalThis.heard ?? []) {
          analyser.getFloatTimeDomainData(samples)
          for (const sample of samples) globalThis.most = Math.max(globalThis.most, Math.abs(sample))
        }
        requestAnimationFrame(look)
      }
      look()
    })
    // A line on which what is known of a track takes longer than its first bytes.
    await page.route(/\/tracks\/[\w-]+$/, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 700))
      await route.continue()
    })
    await signIn(page)
    await go(page, `playlist/${told.playlist}`)
    await page.getByRole('button', { name: `Play ${told.last}` }).click()
    await page.getByRole('button', { name: 'Repeat' }).first().click()
    await until(async () => (await place(page)) > 1, 'the last song')
    const title = page.locator('section[aria-label=Player] .title')
    const ahead = page.waitForRequest((request) => request.url().includes(`/tracks/${told.first_id}/audio`)).then(() => title.textContent())
    const slider = page.getByLabel('Place in the track').first()
    await slider.evaluate((slider) => { slider.value = slider.max - 5; slider.dispatchEvent(new Event('input', { bubbles: true })) })
    const during = await ahead
    await until(async () => (await title.textContent()) === told.first && (await place(page)) > 1, 'the first song')
    return { during, heard: await loudest(page), most: await page.evaluate(() => globalThis.most) }
  },

  /** A file that this browser cannot play: what is made of it plays, and where nothing may be made, the queue goes on without it. */
  async forms() {
    const page = await open()
    await page.addInitScript(TAP)
    await signIn(page)
    const [first, middle, last] = told.names
    const [player, slider] = [page.locator('section[aria-label=Player]'), page.getByLabel('Place in the track').first()]
    const plays = (name, from_s = 0.3) => until(async () => (await player.locator('.title').textContent()) === name && (await place(page)) > from_s && loudest(page), `${name} plays`)
    const seek = (left_s) => slider.evaluate((slider, left_s) => { slider.value = slider.max - left_s; slider.dispatchEvent(new Event('input', { bubbles: true })) }, left_s)
    const press = (name) => page.getByRole('button', { name, exact: true }).first().click()
    const refuses = page.getByText(`${middle} does not play: this browser cannot play its file`)
    await go(page, `playlist/${told.playlist}`)
    await press(`Play ${first}`)
    await plays(first)
    const ahead = page.waitForRequest(/audio\.mp3\?bitrate=320k/).then(() => player.locator('.title').textContent())
    const [during, says] = await Promise.all([ahead, seek(6).then(() => page.getByText(`${middle} is played`).textContent())])
    const heard = [await plays(middle)]
    // Whoever comes back goes on where he was, also in the other form.
    await seek(15)
    await press('Pause')
    await page.reload()
    await player.locator('.title').waitFor()
    const at = await until(() => place(page), 'the place')
    await player.getByRole('button', { name: 'Play', exact: true }).click()
    await page.getByText(`${middle} is played as MP3`).waitFor()
    heard.push(await plays(middle, at + 0.5))
    // One song again and again.
    await press('Repeat: off')
    await press('Repeat: all')
    await seek(1)
    await until(async () => (await place(page)) < 5, 'the same song again')
    heard.push(await plays(middle))
    await press('Repeat: this one')
    await page.request.patch(`${told.origin}/users/${told.user}`, { headers: { Authorization: told.admin }, data: { transform: false } })
    await press('Show what plays')
    await until(() => page.getByLabel('Quality').isDisabled(), 'the right that is gone')
    await page.keyboard.press('Escape')
    await press(`Play ${first}`)
    await plays(first)
    await press('Next')
    await refuses.waitFor()
    heard.push(await plays(last))
    // A queue of which nothing plays comes to rest, also one that goes round.
    await go(page, `playlist/${told.alone}`)
    await press('Repeat: off')
    let asked = 0
    page.on('request', (request) => (asked += /\/audio/.test(request.url()) ? 1 : 0))
    await press('Play')
    await until(async () => (await refuses.count()) === 2 && !(await player.locator('.waiting').count()), 'its end')
    const before = asked
    await loudest(page)
    return { during, says, heard, at, rests: asked === before }
  },

  /** A playlist of many thousands is scrolled through, and a song of it moved, without the rest being held or sent. */
  async endless() {
    const page = await open({}, (what) => /409/.test(what))
    const tools = await page.context().newCDPSession(page)
    await tools.send('Network.enable')
    const weigh = await weight(page)
    await signIn(page)
    await go(page, `playlist/${told.playlist}`)
    await page.locator('.track').first().waitFor()
    const before = await weigh(true)
    const high = await page.evaluate(() => document.documentElement.scrollHeight)
    let rows = 0
    for (const share of [0.1, 0.25, 0.5, 0.75, 1]) {
      await page.evaluate((top) => scrollTo(0, top), share * high)
      await until(() => page.evaluate(() => [...document.querySelectorAll('[role=listitem]')].every((row) => row.querySelector('.track'))), `the rows at ${share}`)
      rows = Math.max(rows, await page.locator('.track').count())
    }
    const after = await weigh(true)
    // The last one goes up by one, and a remark of the server's is all that comes back.
    const last = page.locator(`[data-at="${told.songs - 1}"]`)
    const sizes = { sent: 0, received: 0 }
    tools.on('Network.requestWillBeSent', ({ request }) => (sizes.sent += request.postData?.length ?? 0))
    const bytes = new Map()
    tools.on('Network.responseReceived', ({ requestId, type }) => type === 'Fetch' && bytes.set(requestId, 0))
    tools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => bytes.has(requestId) && (sizes.received += encodedDataLength))
    await last.getByRole('button').first().focus()
    const answered = page.waitForResponse((answer) => answer.request().method() === 'PATCH')
    await page.keyboard.press('Alt+ArrowUp')
    await (await answered).finished()
    await until(() => page.evaluate((at) => document.activeElement?.closest('[data-at]')?.dataset.at === `${at}`, told.songs - 2), 'the focus')
    const shown = await page.locator('[data-at] .title').evaluateAll((titles) => titles.slice(-2).map((title) => title.textContent))
    // One goes, and the list is shorter.
    await page.locator(`[data-at="${told.songs - 1}"]`).getByRole('button', { name: /^More/ }).click()
    const gone = page.waitForResponse((answer) => answer.request().method() === 'PATCH')
    await page.getByRole('menuitem', { name: 'Remove from playlist' }).click()
    await (await gone).finished()
    await page.getByText(`${(told.songs - 1).toLocaleString()} songs`).waitFor()
    const moved = { ...sizes }
    // Somebody else changes it before this page does, and it does not know yet: what it means is not done, and it shows what there is.
    const change = { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: '{"remove":[0]}' }
    const first = async (route) => {
      await page.evaluate(([list, change]) => fetch(`/playlists/${list}/tracks`, change), [told.playlist, change])
      await route.continue()
    }
    await page.route(`**/playlists/${told.playlist}/tracks`, first, { times: 1 })
    await page.locator(`[data-at="${told.songs - 2}"]`).getByRole('button').first().focus()
    await page.keyboard.press('Alt+ArrowUp')
    const refused = await page.getByText('was changed meanwhile').innerText()
    await page.getByText(`${(told.songs - 2).toLocaleString()} songs`).waitFor()
    return { before, after, rows, shown, moved, refused }
  },

  /** Songs of a playlist are removed and added while the line is slow, and while it is gone: what is shown is what the server has. */
  async hurried() {
    const page = await open({}, (what) => /ERR_FAILED/.test(what))
    await signIn(page)
    await go(page, `playlist/${told.playlist}`)
    const titles = async () => {
      await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))))
      return page.locator('[data-at] .title').evaluateAll((titles) => titles.slice(0, 3).map((title) => title.textContent))
    }
    const count = (songs) => page.getByText(`${songs} songs`).waitFor()
    const menu = async (words) => {
      await page.locator('[data-at="0"]').getByRole('button', { name: /^More/ }).click()
      await page.getByRole('menuitem', { name: words, exact: true }).click()
    }
    const [list, rows] = [`**/playlists/${told.playlist}`, `**/playlists/${told.playlist}/tracks?*`]
    const changed = () => page.waitForResponse((answer) => answer.request().method() === 'PATCH')
    await count(told.songs)
    await page.locator('.track').first().waitFor()
    // The change takes as long as rows would that are read before it has arrived; the last row of the page comes from the next one.
    const early = page.waitForResponse(rows, { timeout: 2_000 }).catch(() => {})
    await page.route(`${list}/tracks`, (route) => early.then(() => route.continue()))
    const answers = [changed(), page.waitForResponse(rows)]
    await menu('Remove from playlist')
    for (const answer of answers) await (await answer).finished()
    const removed = await titles()
    await page.unroute(`${list}/tracks`)
    // The server is gone for the change, and for the question what there is instead.
    for (const lost of [list, `${list}/tracks`]) await page.route(lost, (route) => route.abort())
    await menu('Remove from playlist')
    await page.getByText('cannot be reached').first().waitFor()
    await count(told.songs - 1)
    for (const lost of [list, `${list}/tracks`]) await page.unroute(lost)
    const undone = await until(async () => { const now = await titles(); return now[0] === removed[0] && now }, 'what there was before')
    // A song that is put into the list that is shown is shown, and what is done then is not refused.
    await menu(told.list)
    await count(told.songs)
    const answer = changed()
    await page.locator('[data-at="0"]').getByRole('button').first().focus()
    await page.keyboard.press('Alt+ArrowDown')
    const status = (await answer).status()
    const has = await page.evaluate(async (list) => (await (await fetch(`/playlists/${list}/tracks?limit=3`)).json()).tracks.map((track) => track.title), told.playlist)
    return { removed, undone, status, shown: await titles(), has }
  },

  /** The library grows while somebody is far down in a playlist, and he stays there. */
  async stays() {
    const page = await open()
    await signIn(page)
    await go(page, `playlist/${told.playlist}`)
    const last = page.locator(`[data-at="${told.songs - 1}"]`)
    await until(async () => (await page.evaluate(() => scrollTo(0, 1e6)), await last.count()), 'the end')
    const place = await page.evaluate(() => ((document.querySelector('[role=list][aria-label=Songs]').same = true), scrollY))
    const looks = page.waitForResponse(new RegExp(`/playlists/${told.playlist}$`))
    copyFileSync(told.file, told.copy)
    await page.request.post(`${told.origin}/scan`, { headers: { Authorization: told.admin } })
    await (await looks).finished()
    await last.waitFor()
    return { place, now: await page.evaluate(() => scrollY), same: await page.evaluate(() => !!document.querySelector('[role=list][aria-label=Songs]').same) }
  },

  /** A playlist gets another name. */
  async rename() {
    const page = await open()
    await signIn(page)
    await go(page, `playlist/${told.playlist}`)
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByLabel('Name', { exact: true }).fill(` ${told.next} `)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: told.next, exact: true }).waitFor()
    await go(page, 'playlists')
    await page.getByRole('link', { name: told.next }).waitFor()
    return { names: await page.locator('#main .name').allTextContents() }
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

  /** A video plays, and one of another size is made of it. */
  async rendition() {
    const page = await open()
    await signIn(page)
    await go(page, `video/${told.video}`)
    await page.getByRole('button', { name: 'Play video' }).click()
    await until(async () => (await place(page, 'Place in the video')) > 0.5, 'the video')
    // Keys show the picture of where they lead, as the pointer does.
    await page.getByLabel('Place in the video').focus()
    await page.keyboard.press('Home')
    await until(async () => (await page.locator('.tile .picture').count()) || (await page.keyboard.press('ArrowRight'), false), 'the picture of that moment')
    await page.getByRole('slider', { name: /^Width/ }).fill('320')
    await page.getByRole('button', { name: 'Make it' }).click()
    const made = page.getByLabel('The rendition')
    await made.evaluate((video) => ((video.muted = true), video.play()))
    await until(() => made.evaluate((video) => video.currentTime > 0.5), 'the rendition')
    return made.evaluate((video) => ({ width: video.videoWidth, source: video.src }))
  },

  /** A server that has no room is asked again when it says so, and who waits is told why; what it refuses for good is tried again by hand. */
  async busy() {
    // Whoever reads what is painted is advised to say so before.
    const page = await open({}, (what) => /503|readback/.test(what))
    await signIn(page)
    // What a server answers while its memory for children is taken: twice for each address, and then it has room.
    const refused = new Map()
    const refuse = (again) => (route) => {
      const address = route.request().url()
      refused.set(address, (refused.get(address) ?? 0) + 1)
      if (refused.get(address) > again.length) return route.continue()
      return route.fulfill({ status: 503, headers: again[refused.get(address) - 1], json: { error: { code: 'busy', message: told.words, hint: null } } })
    }
    const soon = { 'Retry-After': '1' }
    await page.route(/\/cover\?|waveform\.json|audio\.mp3|width=320/, refuse([soon, soon]))
    await page.route(/width=322/, refuse([{}]))
    await go(page, 'videos')
    const frame = page.locator('.wall img')
    await until(() => frame.evaluateAll(([image]) => image?.naturalWidth > 0), 'the frame of the video')
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.song}` }).click()
    // A line is three pixels high, and a shape as high as there is room.
    await until(() => page.locator('section[aria-label=Player] .shape canvas').evaluate((canvas) => {
      const row = canvas.getContext('2d').getImageData(0, Math.round(canvas.height / 4), canvas.width, 1).data
      return row.some((value, at) => at % 4 === 3 && value > 0)
    }), 'the shape of the song')
    await page.getByRole('button', { name: 'Show what plays' }).click()
    await page.getByLabel('Quality').selectOption('96')
    const began = await place(page)
    await until(async () => (await place(page)) > began + 1, 'the song, made smaller')
    await page.keyboard.press('Escape')
    await go(page, `video/${told.video}`)
    await page.getByRole('slider', { name: /^Width/ }).fill('320')
    await page.getByRole('button', { name: 'Make it' }).click()
    const waits = await page.getByText(/^The server has enough.*goes on by itself/).textContent()
    await page.getByLabel('The rendition').waitFor()
    await page.getByRole('slider', { name: /^Width/ }).fill('322')
    await page.getByRole('button', { name: 'Make it' }).click()
    const refusal = await page.getByRole('alert').textContent()
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByLabel('The rendition').waitFor()
    return { waits, refusal }
  },

  /** An address that was written by hand, letters of a search that are one way, and a list that is where it was when somebody comes back. */
  async ways() {
    const page = await open()
    await signIn(page)
    await go(page, 'search/%')
    await page.getByRole('heading', { level: 1, name: 'Search: %' }).waitFor()
    await go(page, 'songs')
    await page.locator('.track').first().waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type(told.word)
    await page.getByRole('heading', { level: 1, name: `Search: ${told.word}` }).waitFor()
    await page.goBack()
    const back = await page.evaluate(() => location.hash)
    await page.setViewportSize({ width: 1000, height: 320 })
    await page.locator('.track').first().waitFor()
    await page.evaluate(() => scrollTo(0, 150))
    await until(() => page.evaluate(() => scrollY === 150), 'the place')
    await page.locator('.track .album').last().evaluate((link) => link.click())
    await until(() => page.evaluate(() => location.hash.startsWith('#/album/')), 'the album')
    await page.goBack()
    await until(() => page.evaluate(() => scrollY === 150), 'the same place')
    return { back }
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
}
