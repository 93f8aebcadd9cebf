// Counts the SHA-256 of a file. Browsers count one only of what is whole in memory, so this is done in blocks by a library.
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

const BLOCK_BYTES = 4 * 1024 * 1024

onmessage = async ({ data: file }: MessageEvent<File>) => {
  try {
    const hash = sha256.create()
    for (let at = 0; at < file.size; at += BLOCK_BYTES) {
      hash.update(new Uint8Array(await file.slice(at, at + BLOCK_BYTES).arrayBuffer()))
      postMessage({ bytes: Math.min(file.size, at + BLOCK_BYTES) })
    }
    postMessage({ sha256: bytesToHex(hash.digest()) })
  } catch {
    postMessage({ failed: 'the file could not be read; it may have been moved' })
  }
}
