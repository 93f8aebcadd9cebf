// What musicians do: songs taken apart, and their stems mixed.
import fs from 'node:fs'
import { between, WAIT_MS, TAP, go, loudest, open, place, signIn, told, until, weight } from './page-window.mjs'

const tone_hz = (pair) => 430 * (pair + 1)
/** A minute in which each pair of channels is a tone of its own. */
function tones(pairs) {
  const [rate, seconds] = [8_000, 60]
  const wav = Buffer.alloc(68 + rate * seconds * pairs * 4)
  wav.write('RIFF'); wav.writeUInt32LE(wav.length - 8, 4); wav.write('WAVEfmt ', 8); wav.writeUInt32LE(40, 16); wav.writeUInt16LE(0xfffe, 20)
  wav.writeUInt16LE(2 * pairs, 22); wav.writeUInt32LE(rate, 24); wav.writeUInt32LE(rate * pairs * 4, 28); wav.writeUInt16LE(pairs * 4, 32); wav.writeUInt16LE(16, 34)
  wav.writeUInt16LE(22, 36); wav.writeUInt16LE(16, 38); Buffer.from('0100000000001000800000aa00389b71', 'hex').copy(wav, 44); wav.write('data', 60); wav.writeUInt32LE(wav.length - 68, 64)
  for (let at = 0; at < rate * seconds; at++) {
    for (let channel = 0; channel < 2 * pairs; channel++) wav.writeInt16LE(Math.round(5000 * Math.sin((2 * Math.PI * tone_hz(channel >> 1) * at) / rate)), 68 + 2 * (at * 2 * pairs + channel))
  }
  return wav
}

/** How loud the mix is when all that was moved has glided there, by the clock of the sound, and while the song goes on. */
async function settled(page) {
  await page.evaluate(async () => {
    const { context } = globalThis.heard.at(-1)
    // Twenty-five times as long as a glide takes for two thirds of its way.
    for (const still = context.currentTime + 0.5; context.currentTime < still; ) await new Promise(requestAnimationFrame)
  })
  return until(async () => {
    const at = await place(page, 'Place in the song')
    const level = await loudest(page)
    return (await place(page, 'Place in the song')) > at && { level }
  }, 'a mix that goes on').then(({ level }) => level)
}
/** This stem alone is heard, and nothing where it is silent too. */
async function alone(page, name) {
  await page.getByLabel('Place in the song').fill('0')
  await page.getByRole('button', { name: `Solo ${name}` }).click()
  const heard = await settled(page)
  await page.getByRole('slider', { name: `Level of ${name}` }).fill('0')
  const others = await settled(page)
  await page.getByRole('slider', { name: `Level of ${name}` }).fill('1')
  await page.getByRole('button', { name: `Solo ${name}` }).click()
  return { name, heard, others }
}

export const stems = {
  /** A song is taken apart by this engine, and each of its parts is heard alone. */
  async stems() {
    const page = await open()
    await page.addInitScript(TAP)
    await signIn(page)
    await go(page, `stems/${told.track}`)
    await page.getByLabel('Into').selectOption(told.count)
    await page.getByLabel('By').selectOption(told.engine)
    await page.getByRole('button', { name: 'Take it apart' }).click()
    await page.getByRole('button', { name: 'Play the mix' }).click({ timeout: 3 * WAIT_MS })
    const all = await settled(page)
    const names = await page.getByRole('region', { name: 'Mixer' }).locator('h2').allTextContents()
    const stems = []
    for (const name of names) stems.push(await alone(page, name))
    // Whoever turns the sound of the page off hears no mix either.
    await page.getByLabel('Place in the song').fill('0')
    await page.getByRole('button', { name: 'Sound off' }).first().click()
    const off = await settled(page)
    await page.getByRole('button', { name: 'Sound on' }).first().click()
    await page.getByRole('slider', { name: 'Volume' }).first().fill('0.5')
    const half = await settled(page)
    await page.getByRole('slider', { name: 'Volume' }).first().fill('1')
    // Whoever comes back later has them as a zip too.
    await page.reload()
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'all as a zip' }).click()])
    const zip = fs.readFileSync(await download.path()).subarray(0, 4).toString('latin1')
    return { all, names, stems, off, half, zip, by: await page.getByRole('region', { name: 'Mixer' }).getByText(/^By /).innerText() }
  },

  /** A song that was taken apart is taken apart again into more: the mixer has the new ones, and each is heard alone. */
  async again() {
    const page = await open()
    await page.addInitScript(TAP)
    await signIn(page)
    await go(page, `stems/${told.track}`)
    const sets = []
    for (const count of told.counts) {
      await page.getByLabel('Into').selectOption(count)
      await page.getByLabel('By').selectOption('spectral')
      await page.getByRole('button', { name: 'Take it apart' }).click()
      const names = page.getByRole('region', { name: 'Mixer' }).locator('h2')
      await until(async () => (await names.count()) === Number(count), `${count} stems`)
      await page.getByRole('button', { name: 'Play the mix' }).click()
      await until(() => loudest(page), 'the mix')
      const heard = []
      for (const name of await names.allTextContents()) heard.push(await alone(page, name))
      await page.getByRole('button', { name: 'Pause the mix' }).click()
      sets.push(heard)
    }
    // One that takes long is given up, and nothing of it is left.
    await go(page, `stems/${told.long}`)
    await page.getByRole('heading', { name: told.name_of_long }).waitFor()
    await page.getByLabel('By').selectOption('spectral')
    await page.getByRole('button', { name: 'Take it apart' }).click()
    await page.getByText('It is being taken apart').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Take it apart' }).waitFor()
    const left = () => page.evaluate(async (id) => {
      const [{ jobs }, { stems }] = await Promise.all(['/jobs', `/tracks/${id}/stems`].map((path) => fetch(path).then((answer) => answer.json())))
      return jobs.length + stems.length
    }, told.long)
    await until(async () => (await left()) === 0, 'the end of the job')
    return { sets, mixers: await page.getByRole('region', { name: 'Mixer' }).count() }
  },

  /** A song is taken apart while files are sent, and the page hears of all that on the connection that it has anyway. */
  async together() {
    const line = await between()
    const page = await open()
    await signIn(page)
    await go(page, 'uploads')
    await page.getByText('Drop files or folders').waitFor()
    await page.getByLabel('Files', { exact: true }).setInputFiles(told.files)
    await go(page, `stems/${told.track}`)
    await page.getByLabel('By').selectOption('spectral')
    await page.getByRole('button', { name: 'Take it apart' }).click()
    await page.getByRole('button', { name: 'Play the mix' }).waitFor({ timeout: 3 * WAIT_MS })
    await go(page, 'uploads')
    const kept = page.getByText('in your library')
    await until(async () => (await kept.count()) === told.files.length, 'all files')
    return { streams: line.most, kept: await kept.count() }
  },

  /** Ten channels are five stems, each of which is heard alone. */
  async five() {
    const page = await open()
    await page.addInitScript(TAP)
    // Of five stems the server keeps one file of ten channels.
    const wav = tones(5)
    const names = ['vocals', 'drums', 'bass', 'piano', 'other']
    const set = { set: 7, engine: 'spleeter', notes: [], created_at: null, duration_seconds: 60, stems: names.map((name) => ({ name, size_bytes: 1000, url: '' })), all: ['all.wav'] }
    await page.route(/\/stems$/, (route) => route.fulfill({ json: set }))
    await page.route(/\/stems\/all\.wav\?set=7$/, (route) => route.fulfill({ body: wav, contentType: 'audio/wav', headers: { 'Accept-Ranges': 'bytes' } }))
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
      }, names.map((_, pair) => tone_hz(pair))), `${name} alone`))
      await page.getByRole('button', { name: `Solo ${name}` }).click()
    }
    return { heard }
  },

  /** Stems and a video that the server refuses: its words are shown, and it goes on when the server says so, or at a press. */
  async refused() {
    const page = await open({}, (what) => /status (429|404)|Failed to load resource/.test(what))
    const busy = { status: 429, headers: { 'Retry-After': '1' }, json: { error: { code: 'too_many', message: told.words } } }
    const gone = { status: 404, json: { error: { code: 'not_found', message: told.gone } } }
    const wordless = { status: 404, contentType: 'text/html', body: '<h1>404</h1>' }
    /** What is refused in these ways, one after the other, and then is there; `there` is where it comes from. */
    const refuse = async (address, answers, there = (route) => route.continue()) => {
      const left = [...answers]
      await page.unroute(address)
      await page.route(address, (route) => (left.length ? route.fulfill(left.shift()) : there(route)))
    }
    const set = { set: 7, engine: 'spleeter', notes: [], created_at: null, duration_seconds: 60, stems: ['vocals', 'accompaniment'].map((name) => ({ name, size_bytes: 1000, url: '' })), all: ['all.wav'] }
    await page.route(/\/stems$/, (route) => route.fulfill({ json: set }))
    const [file, wav] = [/\/stems\/all\.wav\?set=7$/, tones(2)]
    const mix = (route) => route.fulfill({ body: wav, contentType: 'audio/wav', headers: { 'Accept-Ranges': 'bytes' } })
    await signIn(page)
    const seen = {}
    const mixes = async () => {
      await page.getByRole('button', { name: 'Play the mix' }).click()
      return until(async () => (await place(page, 'Place in the song')) > 0.3, 'the mix')
    }
    // Once for the element, and once for who asks what it was answered.
    await refuse(file, [busy, busy], mix)
    await go(page, `stems/${told.track}`)
    const mixer = page.getByRole('region', { name: 'Mixer' })
    seen.waits = await mixer.getByRole('status').innerText()
    await mixes()
    for (const [name, answer] of [['gone', gone], ['wordless', wordless]]) {
      await go(page, 'genres')
      await page.getByRole('heading', { level: 1, name: 'Genres' }).waitFor()
      await refuse(file, [answer, answer], mix)
      await go(page, `stems/${told.track}`)
      seen[name] = await mixer.getByRole('alert').innerText()
      await mixer.getByRole('button', { name: 'Try again' }).click()
      await mixer.getByRole('alert').waitFor({ state: 'detached' })
      await mixes()
    }
    const screen = page.getByRole('region', { name: /^Video/ })
    const plays = async () => {
      const at = await place(page, 'Place in the video')
      if (await screen.getByRole('button', { name: 'Play video' }).count()) await screen.getByRole('button', { name: 'Play video' }).click()
      return until(async () => (await place(page, 'Place in the video')) > at + 0.3, 'the video')
    }
    const list = /\.m3u8/
    for (const [name, answer] of [['screen_waits', busy], ['screen_gone', gone]]) {
      await go(page, 'genres')
      await page.getByRole('heading', { level: 1, name: 'Genres' }).waitFor()
      await refuse(list, [answer, answer])
      await go(page, `video/${told.video}`)
      await screen.getByLabel('Quality').selectOption('auto')
      seen[name] = await screen.getByRole('alert').innerText()
      if (answer === gone) await screen.getByRole('button', { name: 'Try again' }).click()
      await screen.getByRole('alert').waitFor({ state: 'detached' })
      await plays()
    }
    return seen
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
}
