// What happens between windows and the server: many windows of one browser, proxies that answer in the server's place, and what
// others do meanwhile.
import { another, between, go, open, place, signIn, told, until } from './page-window.mjs'

/** What a browser says of answers that the scene itself made. */
const expected = (what) => /status 50[234]|ERR_(INCOMPLETE|EMPTY|CONNECTION)|Failed to load resource/.test(what)
const post = (page, path, body) => page.evaluate(([path, body]) => fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }).then((answer) => answer.json()), [path, JSON.stringify(body)])

export const line = {
  /** Seven windows of one browser, which opens six connections to a server: all are told what happens, and all are answered. */
  async windows() {
    const line = await between()
    const first = await open()
    await signIn(first)
    const others = await Promise.all(Array.from({ length: 6 }, async () => {
      const page = await another(first.context())
      await page.goto(`${told.origin}/app/#/account`)
      return page
    }))
    await go(first, 'account')
    const rows = (page) => page.getByRole('list', { name: 'Uploads under way' }).getByRole('listitem')
    const begun = await first.evaluate(() => fetch('/uploads', { method: 'POST', headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '1000', 'Upload-Metadata': `filename ${btoa('Slow.wav')}` } }).then((answer) => answer.headers.get('Location')))
    const all = [first, ...others]
    for (const page of all) await until(async () => (await rows(page).count()) === 1, 'an upload in every window')
    const answered = await Promise.all(all.map((page) => page.evaluate(() => fetch('/me').then((answer) => answer.status))))
    const events = line.most
    // The one that was there first goes, and the others hear on.
    await first.close()
    await others[0].evaluate((path) => fetch(path, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } }), begun)
    for (const page of others) await until(async () => (await rows(page).count()) === 0, 'its end in every window')
    const after = line.events
    // Whoever signs out in one window is signed out in all of them, and nothing is told to nobody.
    await others[0].getByRole('button', { name: 'Sign out', exact: true }).click()
    for (const page of others) await page.locator('[name=name]').waitFor()
    await until(() => line.events === 0, 'the end of the connection')
    return { answered, events, after }
  },

  /** A proxy says for a while that it does not reach the server: nothing takes that for an answer, and all goes on by itself. */
  async gateway() {
    const line = await between()
    const page = await open({}, expected)
    await signIn(page)
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.songs[0].name}` }).click()
    await until(async () => (await place(page)) > 0.3, 'the first song')
    const away = (status) => { line.answers = () => status; line.break() }
    // A song that is chosen meanwhile waits, and then plays.
    away(502)
    await page.getByRole('button', { name: 'Next', exact: true }).first().click()
    await page.getByText(`${told.songs[1].name} waits`).waitFor()
    // A view whose parts were never fetched comes when they can be.
    await go(page, 'videos')
    await page.getByRole('heading', { level: 1, name: 'This part waits for the server' }).waitFor()
    // A picture alone is asked for again too.
    const covers = () => line.requests.filter((request) => request.includes('/cover?')).length
    line.answers = (url) => (url.includes('/cover?') ? 502 : 0)
    await page.getByRole('heading', { level: 1, name: 'Videos' }).waitFor()
    await until(covers, 'a picture that does not come')
    line.answers = null
    await until(() => page.locator('.wall img').evaluateAll(([image]) => image?.naturalWidth > 0), 'the picture')
    await until(async () => (await place(page)) > 0.3, 'the second song')
    // What was opened while nobody answered is asked for again: a video, the wall of them, a song to be taken apart.
    await page.locator('.wall a').first().click()
    await page.getByLabel('Place in the video').waitFor()
    await go(page, `stems/${told.songs[0].id}`)
    await page.getByRole('button', { name: 'Take it apart' }).waitFor()
    const came = []
    for (const [status, view, seen] of [[503, 'videos', page.locator('.wall a')], [504, `video/${told.video}`, page.getByLabel('Place in the video')], [502, `stems/${told.songs[1].id}`, page.getByRole('button', { name: 'Take it apart' })]]) {
      await go(page, 'genres')
      await page.getByRole('heading', { level: 1, name: 'Genres' }).waitFor()
      away(status)
      await go(page, view)
      await page.getByText(/cannot be reached/).first().waitFor()
      line.answers = null
      await seen.first().waitFor()
      came.push(view.split('/')[0])
    }
    // One request alone is answered so, while what happens is told on: nothing ever comes back, and it is asked again all the same.
    line.answers = (url) => (url.startsWith('/albums') ? 502 : 0)
    await go(page, 'albums')
    await page.getByText(/cannot be reached/).waitFor()
    line.answers = null
    await page.getByRole('link', { name: told.album }).first().waitFor()
    return { came }
  },

  /** The server is away when the next song is fetched ahead, and when somebody wants another one: both play once it is back. */
  async away() {
    const page = await open({}, (what) => /ERR_FAILED/.test(what))
    await signIn(page)
    await go(page, 'songs')
    const [first, ahead, chosen] = told.songs
    const title = page.locator('section[aria-label=Player] .title')
    const plays = ({ name }) => until(async () => (await title.textContent()) === name && (await place(page)) > 1, `${name} plays`)
    const sound = ({ id }) => new RegExp(`/tracks/${id}/audio`)
    await page.getByRole('button', { name: `Play ${first.name}` }).click()
    await plays(first)
    const lost = page.waitForEvent('requestfailed', (request) => sound(ahead).test(request.url()))
    await page.route(sound(ahead), (route) => route.abort())
    const slider = page.getByLabel('Place in the track').first()
    await slider.evaluate((slider) => { slider.value = slider.max - 8; slider.dispatchEvent(new Event('input', { bubbles: true })) })
    await lost
    await page.unroute(sound(ahead))
    await plays(ahead)
    await page.route(sound(chosen), (route) => route.abort())
    await page.getByRole('button', { name: 'Next' }).first().click()
    const waits = await page.getByText(`${chosen.name} waits`).textContent()
    await page.unroute(sound(chosen))
    await plays(chosen)
    // A window that is opened now remembers the song, and fetches nothing of it before somebody wants to hear it.
    await page.getByRole('button', { name: 'Pause', exact: true }).first().click()
    const other = await page.context().newPage()
    let fetched = 0
    other.on('request', (request) => (fetched += /\/audio/.test(request.url()) ? 1 : 0))
    await other.goto(`${told.origin}/`)
    await other.locator('section[aria-label=Player] .title').waitFor()
    await until(async () => (await place(other)) > 1, 'the place')
    const before = fetched
    await other.getByRole('button', { name: 'Play', exact: true }).first().click()
    const at = await place(other)
    await until(async () => (await place(other)) > at + 1, 'sound')
    return { waits, before, after: fetched }
  },

  /** Nobody is told that something goes on by itself but where it does, and a telephone says that the server is gone. */
  async hints() {
    const line = await between()
    const page = await open({ viewport: { width: 390, height: 800 } }, expected)
    await page.goto(`${told.origin}/`)
    line.answers = () => 502
    await page.fill('[name=name]', told.name)
    await page.fill('[name=password]', told.password)
    await page.keyboard.press('Enter')
    const pressed = [await page.getByRole('alert').innerText()]
    line.answers = null
    await signIn(page)
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.songs[0].name}` }).click()
    await until(async () => (await place(page)) > 0.3, 'the song')
    const away = (part) => (line.answers = (url) => (url.includes(part) ? 502 : 0))
    away('/stars/')
    await page.getByRole('button', { name: `More for ${told.songs[0].name}` }).click()
    await page.getByRole('menuitem', { name: 'Give it a star' }).click()
    pressed.push(await page.getByText('cannot be reached').first().innerText())
    // What is read says that it comes, and comes.
    const read = {}
    for (const [view, part, seen] of [['account', '/me/sessions', 'this one'], ['server/libraries', '/cdn/cache', 'Its ceiling is'], ['server/libraries', '/libraries', '2 songs in'], ['server/users', '/users', '· since'], ['starred', '/starred/', 'Give a song a star']]) {
      await go(page, 'genres')
      await page.getByRole('heading', { level: 1, name: 'Genres' }).waitFor()
      away(part)
      await go(page, view)
      read[part] = await page.getByRole('alert').filter({ hasText: 'cannot be reached' }).first().innerText()
      if (await page.locator('#main').getByText(seen).count()) read[part] += ` beside ${seen}`
      line.answers = null
      await page.locator('#main').getByText(seen).first().waitFor()
    }
    away('/lyrics')
    await page.getByRole('button', { name: 'Show what plays' }).click()
    await page.getByRole('button', { name: 'Lyrics', exact: true }).last().click()
    read.lyrics = await page.getByRole('dialog').getByRole('alert').innerText()
    line.answers = null
    await page.getByText('There are no words').waitFor()
    await page.keyboard.press('Escape')
    const gone = page.getByRole('status').filter({ hasText: 'Not connected' })
    const high = () => page.getByRole('heading', { level: 1 }).evaluate((heading) => heading.getBoundingClientRect().top)
    const before = await high()
    line.answers = () => 502
    line.break()
    await gone.waitFor()
    const { top, bottom } = await gone.evaluate((words) => words.getBoundingClientRect().toJSON())
    const jump = (await high()) - before
    line.answers = null
    await gone.waitFor({ state: 'detached' })
    return { pressed, read, top, bottom, jump }
  },

  /** Of two that are chosen one after the other the last one plays, also if the first one comes later. */
  async chosen_last() {
    const page = await open()
    await signIn(page)
    const [first, second] = told.songs
    let give
    const given = new Promise((resolve) => (give = resolve))
    await page.route(/\/search\/tracks\?/, async (route) => {
      const answer = await route.fetch()
      const { tracks, next } = await answer.json()
      await given
      await route.fulfill({ response: answer, json: { tracks: tracks.filter(({ id }) => id === first.id), next } })
    })
    await page.getByRole('button', { name: 'Play something' }).click()
    await page.getByRole('link', { name: told.album }).first().click()
    await page.getByRole('button', { name: `Play ${second.name}` }).click()
    const title = page.locator('section[aria-label=Player] .title')
    await until(async () => (await place(page)) > 0.3, 'the song')
    const late = page.waitForResponse(/\/search\/tracks\?/)
    give()
    await (await late).finished()
    const at = await place(page)
    await until(async () => (await title.textContent()) !== second.name || (await place(page)) > at + 1, 'what plays then')
    return { plays: await title.textContent() }
  },

  /** An upload goes on by itself where it was, however often a proxy answers in the server's place. */
  async outage() {
    const line = await between()
    const page = await open({}, expected)
    await signIn(page)
    await go(page, 'uploads')
    await page.getByText('Drop files or folders').waitFor()
    // Nine answers are more than the sender of files tries for itself.
    let [refused, begun] = [0, 0]
    const refuses = (method) => (method === 'POST' ? begun++ > 0 : method !== 'GET')
    line.answers = (url, method) => (url.startsWith('/uploads') && refuses(method) && refused < told.refusals ? (refused++, 503) : 0)
    await page.clock.install()
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    await until(async () => {
      await page.clock.fastForward(5_000)
      return page.getByText('in your library').count()
    }, 'the file in the library')
    return { refused, begun }
  },

  /** What another window has on its way is shown as its own, and taken up when that window is gone. */
  async elsewhere() {
    const page = await open({}, (what) => /ERR_(CONNECTION|ABORTED|NETWORK)/.test(what))
    page.on('dialog', (dialog) => dialog.accept())
    await signIn(page)
    await go(page, 'uploads')
    const tools = await page.context().newCDPSession(page)
    await tools.send('Network.enable')
    await tools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 200_000 })
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    await page.getByText(/are safe/).waitFor()
    const other = await another(page.context())
    await other.goto(`${told.origin}/app/#/uploads`)
    await other.getByText('On its way in another window').waitFor()
    const rows = other.locator('[aria-label=Uploads] [role=listitem]')
    const seen = [await rows.count(), await other.getByText('once more').count()]
    // A third begins before the first has ended, and a file is sent once.
    await other.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    await other.getByText('Plain.wav is on its way in another window').waitFor()
    seen.push(await rows.count())
    await page.close({ runBeforeUnload: false })
    await other.getByText('choose Plain.wav once more').waitFor()
    await other.getByLabel('Files', { exact: true }).setInputFiles(told.file)
    await other.getByText('in your library').waitFor()
    return { seen }
  },

  /** What others do to playlists, to videos and to songs is seen without being asked for. */
  async others() {
    const line = await between()
    const [page, other] = [await open(), await open()]
    await signIn(page)
    await signIn(other, told.admin.name, told.admin.password)
    await go(page, 'playlists')
    await page.getByText('No playlist yet').waitFor()
    const { id } = await post(other, '/playlists', { name: 'Ours', tracks: [told.songs[0].id] })
    await other.evaluate(([id]) => fetch(`/playlists/${id}`, { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: '{"public":true}' }), [id])
    await page.getByRole('link', { name: 'Ours' }).click()
    await page.getByRole('button', { name: `Play ${told.songs[0].name}` }).waitFor()
    await other.evaluate(([id, track]) => fetch(`/playlists/${id}/tracks`, { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ add: [track] }) }), [id, told.songs[1].id])
    await page.getByRole('button', { name: `Play ${told.songs[1].name}` }).waitFor()
    // Somebody else takes a song apart, and whoever looks at it has its stems.
    await go(page, `stems/${told.songs[0].id}`)
    await page.getByRole('button', { name: 'Take it apart' }).waitFor()
    await other.evaluate((id) => fetch(`/tracks/${id}/stems?stems=2&engine=spectral`, { method: 'POST' }), told.songs[0].id)
    await page.getByRole('button', { name: 'Play the mix' }).click()
    // He takes it apart into more, and whoever listens to the mix goes on, until he wants the others.
    await until(async () => (await place(page, 'Place in the song')) > 0.3, 'the mix')
    await other.evaluate((id) => fetch(`/tracks/${id}/stems?stems=4&engine=spectral`, { method: 'POST' }), told.songs[0].id)
    await page.getByText('Newer stems are there').waitFor()
    const strips = page.getByRole('region', { name: 'Mixer' }).locator('h2')
    const mixed = [await strips.count(), (await place(page, 'Place in the song')) > 0.3]
    await page.getByRole('button', { name: 'Show them' }).click()
    await until(async () => (await strips.count()) === 4, 'the newer stems')
    // A video that comes is looked at, and seen as soon as it was.
    await go(page, 'videos')
    await page.getByText('There are no videos yet').waitFor()
    await go(other, 'uploads')
    await other.getByLabel('Files', { exact: true }).setInputFiles(told.video)
    await page.getByText('640 × 360').waitFor()
    return { streams: line.most, mixed }
  },

  /** A library that changes all the time, on a line that is slow: every list is finished before it is asked for again. */
  async busy_library() {
    const page = await open()
    await signIn(page)
    // Each answer takes longer than the library stays as it is.
    let [asked, changes, over] = [0, 0, false]
    const slow = async (route) => {
      asked++
      await touched(2)
      await route.continue()
    }
    const touched = async (times) => { for (let at = 0; at < times; at++) { const now = changes; await until(() => over || changes > now, 'a change') } }
    page.on('console', (line) => line.text() === 'library changed' && changes++)
    await page.evaluate(() => new EventSource('/events').addEventListener('library', () => console.log('library changed')))
    const touching = (async () => {
      for (let at = 0; !over; at++) {
        const now = changes
        await page.evaluate(([id, title]) => fetch(`/tracks/${id}`, { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ title }) }), [told.track, `Again ${at}`])
        await until(() => over || changes > now, 'its news')
      }
    })()
    await page.route(/\/(albums|search)\?|\/search\/tracks/, slow)
    const came = []
    for (const [view, seen] of [['albums', page.getByRole('listitem').getByRole('link').first()], ['songs', page.getByRole('button', { name: /^Play Again/ })], ['search/again', page.getByRole('button', { name: /^Play Again/ })]]) {
      await go(page, view)
      await seen.first().waitFor()
      came.push(view)
    }
    over = true
    await touching
    return { came, asked }
  },
}
