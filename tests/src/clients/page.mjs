// What the page does in Chromium against a real server: node page.mjs SCENE ARGUMENTS, with ARGUMENTS as JSON; tells as JSON what
// was seen, with every complaint of the console and every request that failed.
import { admin } from './page-admin.mjs'
import { hands } from './page-hands.mjs'
import { line } from './page-line.mjs'
import { listening } from './page-listening.mjs'
import { looks } from './page-looks.mjs'
import { people } from './page-people.mjs'
import { stems } from './page-stems.mjs'
import { uploads } from './page-uploads.mjs'
import { browser, complaints } from './page-window.mjs'

const scenes = {}
for (const [name, scene] of [admin, hands, line, listening, looks, people, stems, uploads].flatMap(Object.entries)) {
  if (name in scenes) throw new Error(`two scenes are called ${name}`)
  scenes[name] = scene
}
const seen = await scenes[process.argv[2]]().catch((error) => ({ failed: error.stack }))
await browser.close()
console.log(JSON.stringify({ seen, complaints }))
