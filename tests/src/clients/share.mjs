// What Chromium makes of the page of a share: node share.mjs ADDRESS PICTURES; tells as JSON what was seen, and leaves two
// screenshots, of a wide window and of a narrow one, whose names begin with PICTURES. The page has no script of its own.
import { chromium } from 'playwright-core'

const [address, pictures] = process.argv.slice(2)
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' })
const page = await browser.newPage({ viewport: { width: 1000, height: 720 } })
const [complaints, answers] = [[], []]
// Browsers ask for an icon that no page of ours has.
page.on('console', (line) => line.location().url.endsWith('/favicon.ico') || complaints.push(line.text()))
page.on('response', (answer) => answers.push([answer.status(), new URL(answer.url()).pathname]))
const answer = await page.goto(address)
const seen = await page.evaluate(async () => {
  const cover = document.querySelector('header img')
  await cover?.decode().catch(() => {})
  const styled = getComputedStyle(document.querySelector('main')).maxWidth
  const songs = [...document.querySelectorAll('li')].map((song) => song.querySelector('p').textContent)
  return { scripts: document.scripts.length, title: document.title, heading: document.querySelector('h1').textContent, songs, styled, cover: cover?.naturalWidth }
})
// Each song plays, and the last also from its middle.
seen.played = []
for (const number of seen.songs.keys()) {
  const played = await page.evaluate(async (number) => {
    const player = document.querySelectorAll('audio, video')[number]
    const until = (name) => new Promise((yes, no) => {
      player.addEventListener(name, yes, { once: true })
      player.addEventListener('error', () => no(new Error(`${name}: ${player.error?.message}`)), { once: true })
      setTimeout(() => no(new Error(`no ${name}`)), 60_000)
    })
    player.muted = true
    const moved = until('timeupdate')
    await player.play()
    await moved
    const ended = until('ended')
    player.currentTime = player.duration / 2
    await ended
    return { duration: player.duration, at: player.currentTime }
  }, number).catch((error) => ({ failed: String(error) }))
  seen.played.push(played)
}
await page.screenshot({ path: `${pictures}.png`, fullPage: true })
await page.setViewportSize({ width: 390, height: 844 })
seen.wide = await page.evaluate(() => document.documentElement.scrollWidth)
await page.screenshot({ path: `${pictures}-narrow.png`, fullPage: true })
await browser.close()
console.log(JSON.stringify({ status: answer.status(), seen, complaints, answers }))
