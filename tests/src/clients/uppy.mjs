// Uppy uploads a file by its tus plugin: node uppy.mjs ENDPOINT AUTHORIZATION FILE TITLE
import fs from 'node:fs'
import path from 'node:path'
import Uppy from '@uppy/core'
import Tus from '@uppy/tus'

const [endpoint, authorization, file, title] = process.argv.slice(2)
const headers = authorization ? { Authorization: authorization } : {}

const uppy = new Uppy({ autoProceed: false })
uppy.use(Tus, { endpoint, headers, chunkSize: 1 << 20, retryDelays: null, storeFingerprintForResuming: false })
// In a browser this is a File; the plugin's client for Node takes a Buffer.
const data = fs.readFileSync(file)
uppy.addFile({ name: path.basename(file), type: 'audio/wav', data, meta: { filename: path.basename(file), title } })
const result = await uppy.upload()
if (result.failed.length > 0) throw result.failed[0].error
if (result.successful.length !== 1) throw new Error(`${result.successful.length} files went through`)
console.log('done')
process.exit(0)
