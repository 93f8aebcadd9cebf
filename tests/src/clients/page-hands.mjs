// What fingers, mice and keys do, and what they are shown.
import { go, open, place, signIn, told, until } from './page-window.mjs'

/** A finger that is put down, moved and lifted. */
async function finger(page) {
  const tools = await page.context().newCDPSession(page)
  const send = (type, ...points) => tools.send('Input.dispatchTouchEvent', { type, touchPoints: points })
  return { down: (x, y) => send('touchStart', { x, y }), to: (x, y) => send('touchMove', { x, y }), up: () => send('touchEnd') }
}
const middle = async (where) => { const { x, y, width, height } = await where.boundingBox(); return [x + width / 2, y + height / 2] }
const titles = (page) => page.locator('[data-at] .title').allTextContents()

export const hands = {
  /** On a telephone a song is played by a touch of its title; songs are dragged by their handles, or brought to the end by a press. */
  async touch() {
    const page = await open({ viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true })
    await signIn(page)
    await go(page, `playlist/${told.playlist}`)
    const song = (at) => page.locator(`[data-at="${at}"]`)
    const playing = page.locator('section[aria-label=Player] .title')
    await song(1).locator('.title').tap()
    await until(async () => (await place(page)) > 0.1, 'time')
    const played = await playing.textContent()
    const changed = () => page.waitForResponse((answer) => answer.request().method() === 'PATCH').then((answer) => answer.finished())
    const one = await finger(page)
    const draw = async (at, to) => {
      const done = changed()
      await one.down(...(await middle(song(at).getByRole('button', { name: /^Move/ }))))
      for (const step of to) await one.to(...step)
      return { done, lift: () => one.up() }
    }
    // The first one behind the second.
    const [x, y] = await middle(song(1))
    const first = await draw(0, [[x, y - 20], [x, y]])
    await until(() => song(1).getAttribute('data-drop'), 'a mark')
    await first.lift()
    await first.done
    const drawn = (await until(async () => { const now = await titles(page); return now[0] === 'Two' && now }, 'another order')).slice(0, 4)
    // To the lower edge, where the list goes on by itself.
    const far = await draw(0, [[x, y], [x, 700]])
    await until(() => page.evaluate(() => scrollY > 1400), 'a list that goes on')
    const at = await until(async () => Number(await page.locator('[data-drop]').getAttribute('data-at')), 'a place far down')
    await far.lift()
    await far.done
    // And by a press, to the end.
    await page.evaluate(() => scrollTo(0, 0))
    await song(0).getByRole('button', { name: /^Move/ }).tap()
    const ended = changed()
    await page.getByRole('menuitem', { name: 'Move to the end' }).tap()
    await ended
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
    await song(39).locator('.title').waitFor()
    const end = [await song(39).locator('.title').textContent(), await song(38).locator('.title').textContent()]
    // The queue likewise.
    await page.locator('section[aria-label=Player]').getByRole('button', { name: 'Show what plays' }).tap()
    const queue = page.getByRole('list', { name: 'Queue' })
    const rows = queue.getByRole('listitem')
    await rows.nth(3).scrollIntoViewIfNeeded()
    await rows.evaluateAll((rows) => rows.forEach((row, at) => row.setAttribute('data-was', at)))
    const from = await middle(rows.nth(1).getByRole('button', { name: /^Move/ }))
    await one.down(...from)
    const under = await middle(rows.nth(2))
    await one.to(under[0], under[1] - 10)
    await one.to(...under)
    await until(() => rows.nth(2).getAttribute('data-drop'), 'a mark in the queue')
    const before = await rows.locator('.pick').allTextContents()
    await one.up()
    const after = await until(async () => { const now = await rows.locator('.pick').allTextContents(); return now.join() !== before.join() && now }, 'another queue')
    const order = [0, 2, 1, 3].every((was, is) => after[is] === before[was]) ? [0, 2, 1, 3] : after
    // A mouse plays what it presses twice.
    const desk = await open()
    await signIn(desk)
    await go(desk, 'songs')
    await desk.getByRole('listitem').filter({ hasText: 'One' }).locator('.title').dblclick()
    await until(async () => (await place(desk)) > 0.1, 'time')
    return { played, drawn, far: at, end, queue: order, twice: await desk.locator('section[aria-label=Player] .title').textContent() }
  },

  /** Of more playlists than a menu holds one is found by a part of its name, by keys alone. */
  async chosen() {
    const page = await open()
    await signIn(page)
    await go(page, 'songs')
    await page.getByRole('button', { name: `More for ${told.songs[0].name}` }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: /^Another of/ }).focus()
    await page.keyboard.press('Enter')
    await page.getByLabel('A part of its name').fill(told.part)
    await page.getByRole('status').getByText('1 playlist').waitFor()
    await page.keyboard.press('Enter')
    await page.getByText(`Added to ${told.list}`).waitFor()
    const { playlists } = await page.evaluate(() => fetch('/playlists?limit=500').then((answer) => answer.json()))
    return { tracks: playlists.find(({ name }) => name === told.list).tracks }
  },

  /** A song is rated by its menu: every place that shows it knows at once, and takes it back when the server does not want it. */
  async rated() {
    const page = await open({}, (what) => /403/.test(what))
    await signIn(page)
    const more = page.getByRole('button', { name: `More for ${told.song}`, exact: true }).first()
    const menu = page.getByRole('menu')
    const checked = async () => {
      await more.click()
      await menu.waitFor()
      const found = await menu.getByRole('menuitemradio', { checked: true }).evaluateAll((items) => items.map((item) => item.getAttribute('aria-label')))
      await page.keyboard.press('Escape')
      await menu.waitFor({ state: 'detached' })
      return found.join()
    }
    const rate = async (stars) => {
      await more.click()
      await menu.getByLabel(`Rate ${stars} of 5`, { exact: true }).click()
      await menu.waitFor({ state: 'detached' })
    }
    const kept = () => page.evaluate((id) => fetch(`/tracks/${id}`).then((answer) => answer.json()).then((track) => track.rating), told.song_id)
    await go(page, 'songs')
    let answer
    const later = new Promise((resolve) => (answer = resolve))
    await page.route('**/ratings/*', (route) => later.then(() => route.continue()), { times: 1 })
    await rate(4)
    const early = [await checked(), await kept()]
    answer()
    await until(async () => (await kept()) === 4, 'the rating at the server')
    // Another list was read before the rating was another one, and is shown after it.
    await go(page, `search/${told.song}`)
    await page.getByRole('heading', { level: 1, name: /^Search/ }).waitFor()
    const elsewhere = await checked()
    await page.route('**/ratings/*', (route) => route.fulfill({ status: 403, json: { error: { code: 'not_allowed', message: told.words } } }), { times: 1 })
    await rate(2)
    await page.getByRole('status').getByText(told.words, { exact: false }).waitFor()
    const refused = await checked()
    // The same once more takes it away.
    await rate(4)
    await until(async () => (await kept()) === 0, 'no rating at the server')
    return { early, elsewhere, refused, none: await checked() }
  },

  /** The system is told whether something plays, and where, and of nothing that is not so. */
  async locked() {
    const page = await open()
    await page.addInitScript(() => {
      const { setPositionState } = MediaSession.prototype
      globalThis.told = []
      MediaSession.prototype.setPositionState = function (state) {
        setPositionState.call(this, state)
        globalThis.told.push(state ?? null)
      }
      globalThis.keys = {}
      MediaSession.prototype.setActionHandler = (action, act) => (globalThis.keys[action] = act)
    })
    await signIn(page)
    await go(page, 'songs')
    const last = () => page.evaluate(() => ({ state: navigator.mediaSession.playbackState, at: globalThis.told.at(-1) ?? null, title: navigator.mediaSession.metadata?.title ?? null }))
    const when = (what, name) => until(async () => { const now = await last(); return what(now) && now }, name)
    await page.getByRole('button', { name: `Play ${told.song}`, exact: true }).click()
    const plays = await when(({ state, at }) => state === 'playing' && at?.duration > 1, 'a place while it plays')
    const slider = page.getByLabel('Place in the track').first()
    await slider.evaluate((slider) => { slider.value = 20; slider.dispatchEvent(new Event('input', { bubbles: true })) })
    const sought = await when(({ at }) => at?.position >= 20, 'the place that was sought')
    // A system may say twice what it wants, or what is so already.
    const key = (action) => page.evaluate((action) => globalThis.keys[action]({ seekTime: 30 }), action)
    for (const action of ['play', 'seekto']) await key(action)
    await when(({ state, at }) => state === 'playing' && at?.position >= 30, 'the place that the system wants')
    for (const action of ['pause', 'pause']) await key(action)
    await when(({ state }) => state === 'paused', 'a rest, as the system wants it')
    await page.waitForTimeout(300)
    if ((await last()).state !== 'paused') throw new Error('a second pause made it play')
    for (const action of ['play', 'play']) await key(action)
    await when(({ state }) => state === 'playing', 'the song, as the system wants it')
    await page.locator('section[aria-label=Player]').getByRole('button', { name: 'Pause', exact: true }).click()
    const rests = await when(({ state }) => state === 'paused', 'a rest')
    await page.getByRole('button', { name: 'Queue', exact: true }).click()
    for (let left = told.songs; left > 0; left--) await page.getByRole('list', { name: 'Queue' }).getByRole('button', { name: /^Remove/ }).first().click()
    const none = await when(({ state }) => state === 'none', 'nothing')
    return { plays, sought, rests, none, all: await page.evaluate(() => globalThis.told) }
  },

  /** Lists of more rows than the server gives at once come to the last one, and hold few. */
  async many() {
    const page = await open()
    await signIn(page)
    const main = page.getByRole('main')
    let rows = 0
    const end = async (list, last) => {
      const row = main.getByRole('list', { name: list }).locator(`[role=listitem][aria-posinset="${last}"]`)
      await until(async () => (await page.evaluate(() => scrollTo(0, 1e7)), await row.count()), `the last of ${list}`)
      const names = await until(async () => (await row.getByRole('link').count()) && row.getByRole('link').allInnerTexts(), `the last row of ${list}`)
      rows = Math.max(rows, await main.getByRole('listitem').count())
      return { of: await row.getAttribute('aria-setsize'), names }
    }
    const seen = {}
    await go(page, 'playlists')
    seen.playlists = await end('Playlists', told.lists)
    await go(page, `artist/${told.artist}`)
    seen.of_artist = await end('Albums', told.of_artist)
    for (const [kind, list, all] of [['artists', 'Artists', told.artists], ['albums', 'Albums', told.albums], ['songs', 'Songs', told.songs]]) {
      await go(page, `search/${told.word}`)
      await page.getByRole('link', { name: `Show all ${kind}` }).click()
      await page.getByRole('heading', { level: 1, name: `${list}: ${told.word}` }).waitFor()
      seen[kind] = await end(list, all)
    }
    // A playlist that is far behind gets a song by the menu.
    await main.getByRole('button', { name: /^More for/ }).last().click()
    await page.getByRole('menuitem', { name: `Another of ${told.lists}` }).click()
    await page.getByLabel('A part of its name').fill(told.list)
    await page.getByRole('status').getByText('1 playlist').waitFor()
    await page.keyboard.press('Enter')
    await page.getByText(`Added to ${told.list}`).waitFor()
    return { seen, rows }
  },

  /** A menu is walked through and left by keys alone; what opened it has the focus again, in a dialog too, whose end it is not. */
  async menus() {
    const page = await open()
    await signIn(page)
    await go(page, 'songs')
    const [one, two] = told.songs.map(({ name }) => name)
    const menu = page.getByRole('menu')
    const gone = () => menu.waitFor({ state: 'detached' })
    const named = (what) => page.evaluate((what) => {
      const { activeElement: here } = document
      return (here?.getAttribute('aria-label') ?? here?.textContent) === what
    }, what)
    const walk = async (...steps) => {
      for (const [key, what] of steps) {
        await page.keyboard.press(key)
        await until(() => named(what), `${what} by ${key}`)
      }
    }
    const more = page.getByRole('button', { name: `More for ${one}` })
    await more.focus()
    await walk(['Enter', 'Play next'], ['ArrowUp', 'New playlist'], ['ArrowDown', 'Play next'], ['End', 'New playlist'], ['Home', 'Play next'], ['d', 'Download'])
    await walk(['Escape', `More for ${one}`])
    await gone()
    await walk([' ', 'Play next'], ['Tab', `Play ${two}`])
    await gone()
    // A mouse closes it where it opened it, and keeps what it presses elsewhere.
    await more.click()
    await menu.waitFor()
    await more.click()
    await gone()
    await more.click()
    await menu.waitFor()
    await page.getByPlaceholder('Search').click()
    await gone()
    const kept = await page.evaluate(() => document.activeElement?.getAttribute('type'))
    await page.getByRole('button', { name: `Play ${one}` }).click()
    await page.getByRole('button', { name: 'Queue', exact: true }).click()
    await page.getByRole('button', { name: `Move ${two}`, exact: true }).focus()
    await walk(['Enter', 'Move up'], ['Escape', `Move ${two}`])
    await gone()
    return { kept, dialogs: await page.getByRole('dialog').count() }
  },

  /** Whoever goes on by key before a view is there stays where he is; else its heading has the focus. */
  async focus() {
    const page = await open()
    await signIn(page)
    let answer
    const later = new Promise((resolve) => (answer = resolve))
    await page.route(/\/tracks\/tr-/, (route) => later.then(() => route.continue()))
    await page.getByRole('link', { name: 'Albums' }).focus()
    await go(page, `stems/${told.songs[0].id}`)
    await page.waitForRequest(/\/tracks\/tr-/)
    await page.keyboard.press('Tab')
    answer()
    await page.getByRole('heading', { level: 1, name: told.songs[0].name }).waitFor()
    const stays = await page.evaluate(() => document.activeElement?.closest('nav')?.localName ?? document.activeElement?.tagName)
    await go(page, 'genres')
    const comes = await until(() => page.evaluate(() => document.activeElement?.textContent === 'Genres' && document.activeElement.tagName), 'the focus')
    return { stays, comes }
  },

  /** The picture of the memory says where its limit is, and the table what each pool has for itself and at most. */
  async limit() {
    const page = await open()
    await page.addInitScript(() => {
      const write = CanvasRenderingContext2D.prototype.fillText
      CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
        if (text.startsWith('memory.limit')) globalThis.drawn = text
        return write.call(this, text, ...rest)
      }
    })
    await signIn(page)
    await go(page, 'server')
    const drawn = await until(() => page.evaluate(() => globalThis.drawn), 'the name of the limit')
    return { drawn, heads: await page.locator('thead th').allTextContents() }
  },
}
