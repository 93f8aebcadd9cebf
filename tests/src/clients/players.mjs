// What Chromium plays of a server, on a page of another origin:
// node players.mjs SCENE ADDRESS PICTURE [AUTHORIZATION]; tells as JSON what was seen, and leaves a screenshot
import fs from 'node:fs'
import http from 'node:http'
import { chromium } from 'playwright-core'

const [scene, address, picture, authorization] = process.argv.slice(2)
const player = new URL('node_modules/hls.js/dist/hls.min.js', import.meta.url)
const show = `<!doctype html><title>${scene}</title><style>body { margin: 0; background: #444; display: flex; align-items: start }</style>
<script src="/hls.js"></script><video crossorigin="anonymous" muted playsinline></video>`

// Runs in the page, before each scene.
function tools() {
  const video = document.querySelector('video')
  const within = (promise, what, seconds = 90) =>
    Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(`no ${what}`)), seconds * 1000))])
  const event = (name) => within(new Promise((yes) => video.addEventListener(name, yes, { once: true })), name)
  const frame = (what) => within(new Promise((yes) => video.requestVideoFrameCallback((_, of) => yes(of))), what)
  // The colour of a place, in parts of the picture; this fails unless the server says that the page may look.
  const colour = (of, x, y) => {
    const canvas = document.createElement('canvas')
    canvas.width = of.videoWidth ?? of.naturalWidth
    canvas.height = of.videoHeight ?? of.naturalHeight
    const paper = canvas.getContext('2d')
    paper.drawImage(of, 0, 0)
    return [...paper.getImageData(canvas.width * x, canvas.height * y, 1, 1).data].slice(0, 3)
  }
  // Lets it go on until that moment is shown.
  const until = async (time) => {
    let of = await frame(`frame at ${time}`)
    while (of.mediaTime < time) of = await frame(`frame at ${time}`)
    return of.mediaTime
  }
  const seek = async (to) => {
    const done = event('seeked')
    video.currentTime = to
    await done
    const first = (await frame('frame after a seek')).mediaTime
    return { to, first, last: await until(first + 0.5), colour: colour(video, 0.25, 0.5) }
  }
  return { video, within, event, frame, colour, until, seek }
}

const scenes = {
  // A file that is whole.
  async progressive(address) {
    const { video, event, until, seek, colour } = tools()
    const known = event('loadedmetadata')
    video.src = address
    await known
    await video.play()
    const at = await until(1)
    const begin = { at, colour: colour(video, 0.25, 0.5), size: [video.videoWidth, video.videoHeight] }
    return { duration: video.duration, begin, seek: await seek(video.duration * 0.8), sound: video.webkitAudioDecodedByteCount }
  },

  // The browser's own player of lists, where it has one.
  async native(address) {
    const { video } = tools()
    if (!video.canPlayType('application/vnd.apple.mpegurl')) return { none: true }
    return scenes.progressive(address)
  },

  // The lists by hls.js: it plays, seeks and changes the level.
  async hls(address) {
    const { video, within, until, seek, colour } = tools()
    const errors = []
    const hls = new Hls({ maxBufferLength: 6 })
    hls.on(Hls.Events.ERROR, (_, { details, fatal }) => errors.push([details, fatal]))
    const seen = { errors }
    try {
      const parsed = within(new Promise((yes) => hls.once(Hls.Events.MANIFEST_PARSED, yes)), 'list')
      hls.attachMedia(video)
      hls.loadSource(address)
      await parsed
      // By hand, so that it is known which level is played when.
      hls.currentLevel = 0
      seen.levels = hls.levels.map(({ width, height, videoCodec }) => [width, height, videoCodec])
      await video.play()
      seen.begin = { at: await until(1), colour: colour(video, 0.25, 0.5), size: [video.videoWidth, video.videoHeight] }
      seen.duration = video.duration
      seen.on = await until(5)
      seen.seek = await seek(video.duration * 0.8)
      seen.back = await seek(video.duration * 0.2)
      const switched = within(new Promise((yes) => hls.once(Hls.Events.LEVEL_SWITCHED, (_, { level }) => yes(level))), 'level')
      hls.currentLevel = hls.levels.length - 1
      seen.level = await switched
      seen.after = await seek(video.duration * 0.5)
      seen.size = [video.videoWidth, video.videoHeight]
      seen.sound = video.webkitAudioDecodedByteCount
    } catch (error) {
      seen.failed = String(error)
      seen.stopped = video.currentTime
    }
    return seen
  },

  // What is not made yet: its first frame, and then all of it as fast as it goes.
  async growing(address) {
    const { video, within, event, frame, colour } = tools()
    const begun = performance.now()
    video.src = address
    const first = frame('first frame')
    await video.play()
    await first
    const seen = { first_ms: performance.now() - begun, first_colour: colour(video, 0.25, 0.5) }
    seen.flights = await flights()
    seen.known = [video.duration, video.seekable.length && video.seekable.end(0)]
    const ended = within(new Promise((yes) => video.addEventListener('ended', yes, { once: true })), 'end', 240)
    video.playbackRate = 8
    await ended
    return { ...seen, last: video.currentTime, duration: video.duration, colour: colour(video, 0.25, 0.5), error: video.error?.message }
  },

  async pictures(address) {
    const { colour } = tools()
    document.querySelector('video').remove()
    const seen = []
    for (const one of address.split('|')) {
      const image = new Image()
      image.crossOrigin = 'anonymous'
      image.src = one
      await image.decode()
      document.body.append(image)
      const places = [[0.25, 0.5], [0.1, 0.1], [0.1, 0.9], [0.9, 0.9]]
      seen.push({ size: [image.naturalWidth, image.naturalHeight], colours: places.map(([x, y]) => colour(image, x, y)) })
    }
    return seen
  },
}

const server = http.createServer((request, answer) => {
  const [type, body] = { '/': ['text/html', show], '/hls.js': ['text/javascript', fs.readFileSync(player)] }[request.url] ?? []
  answer.writeHead(type ? 200 : 404, { 'Content-Type': type ?? 'text/plain' })
  answer.end(body)
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' })
const page = await browser.newPage({ viewport: { width: 1000, height: 720 } })
const answers = []
page.on('response', async (answer) => {
  const { pathname, search } = new URL(answer.url())
  answers.push([answer.status(), `${pathname}${search}`, answer.headers()['content-range'] ?? ''])
})
await page.exposeFunction('flights', async () => {
  const fields = { Authorization: authorization, Accept: 'text/plain' }
  const text = await (await fetch(new URL('/metrics', address), { headers: fields })).text()
  return Number(/^millpond_renditions_in_flight (\d+)/m.exec(text)?.[1])
})
// The same with a segment that is not what was made: its boxes are there, and nothing in them is right.
if (scene === 'damaged') {
  await page.route(/video-1\.m4s/, async (route) => {
    const answer = await route.fetch()
    const body = await answer.body()
    await route.fulfill({ response: answer, body: body.fill(0x5a, body.indexOf('moof') + 4) })
  })
}
await page.goto(`http://127.0.0.1:${server.address().port}/`)
const play = scene === 'damaged' ? 'hls' : scene
await page.evaluate(`globalThis.tools = ${tools}; globalThis.scenes = { ${Object.values(scenes).join(',\n')} }`)
const seen = await page.evaluate(([play, address]) => scenes[play](address).catch((error) => ({ failed: String(error) })), [play, address])
await page.screenshot({ path: picture })
await browser.close()
server.close()
console.log(JSON.stringify({ seen, answers }))
