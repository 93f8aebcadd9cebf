import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type Plugin } from 'vite'

const TEXTS = /\.(html|js|css|svg|webmanifest)$/
/** Shorter texts do not get smaller by it. */
const COMPRESSED_BYTES_MIN = 512

/** Lays each text beside itself, compressed as small as it gets, so that the server never compresses one. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name)
        if (!entry.isFile() || !TEXTS.test(path)) continue
        const bytes = readFileSync(path)
        if (bytes.length < COMPRESSED_BYTES_MIN) continue
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }))
      }
    },
  }
}

/** What a browser fetches of scripts before anything is shown, compressed by gzip. */
const FIRST_LOAD_BYTES_MAX = 100_000

/** Fails the build when the first load has grown too large; the document names all that belongs to it. */
function small(): Plugin {
  return {
    name: 'small',
    apply: 'build',
    closeBundle() {
      const scripts = readFileSync('dist/index.html', 'utf8').matchAll(/assets\/[\w.-]+\.js/g)
      const sizes = [...new Set([...scripts].map(([name]) => name))].map((name) => gzipSync(readFileSync(`dist/${name}`), { level: 9 }).length)
      const bytes = sizes.reduce((sum, size) => sum + size, 0)
      console.log(`first load: ${bytes} bytes of scripts, compressed`)
      if (bytes > FIRST_LOAD_BYTES_MAX) this.error(`the first load is ${bytes} bytes of scripts, more than ${FIRST_LOAD_BYTES_MAX}`)
    },
  }
}

/** Where a server runs while the page is worked on. */
const SERVER = process.env.MILLPOND ?? 'http://127.0.0.1:4040'

export default defineConfig({
  // The page may lie beneath any prefix: it names its own files from where it is.
  base: './',
  plugins: [svelte(), compressed(), small()],
  build: {
    target: 'es2023',
    // Data in an address are what the policy of the page allows pictures alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  server: { proxy: { '^/(?!src|node_modules|@|\\.|icon|manifest|index|assets|$)': { target: SERVER, changeOrigin: false } } },
})
