// Files on their way to the server: counted, sent, resumed. What the server has is what it has acknowledged.
import type { Upload } from 'tus-js-client'
import { refusal, ROOT, said } from '../api/client'
import { digestOf } from './digest'

export type Phase = 'waiting' | 'counting' | 'sending' | 'paused' | 'finishing' | 'done' | 'failed'

/** Files that are on their way at once. */
const AT_ONCE = 3
/** Bytes in one request: what is lost at most when a line breaks, and what the browser holds. */
const PIECE_BYTES = 16 * 1024 * 1024
/** A line that is gone is tried again for as long as somebody waits. */
const RETRY_MS = [0, 1_000, 3_000, 5_000, 10_000, 20_000, 30_000]
/** The time over which a speed is measured. */
const SPEED_MS = 5_000
/** Statuses after which asking again may help. */
const WORTH_RETRYING = new Set([0, 408, 409, 423, 425, 429, 500, 502, 503, 504])
const MEDIA = /\.(mp3|flac|wav|aiff?|ogg|oga|opus|m4a|m4b|mp4|m4v|mov|webm|mkv|mka|jpe?g|png|webp|gif)$/i

export class Sending {
  phase = $state<Phase>('waiting')
  acknowledged = $state(0)
  counted = $state(0)
  speed = $state(0)
  failure = $state('')
  track = $state<string | null>(null)
  /** Nothing was sent, because the server had these bytes already. */
  known = $state(false)
  tus: Upload | null = null
  stop = new AbortController()
  #seen: [number, number][] = []

  constructor(
    readonly id: number,
    readonly file: File,
    readonly path: string,
  ) {}

  get left_ms(): number | null {
    return this.speed > 0 ? ((this.file.size - this.acknowledged) / this.speed) * 1000 : null
  }

  moved(bytes: number): void {
    const now = performance.now()
    this.acknowledged = bytes
    this.#seen = [...this.#seen.filter(([at]) => now - at < SPEED_MS), [now, bytes]]
    const [first] = this.#seen
    if (first && now > first[0]) this.speed = ((bytes - first[1]) / (now - first[0])) * 1000
  }

  still(): void {
    this.speed = 0
    this.#seen = []
  }
}

class Uploads {
  all = $state<Sending[]>([])
  #last = 0

  get open(): number {
    return this.all.filter((one) => !['done', 'failed'].includes(one.phase)).length
  }

  constructor() {
    addEventListener('online', () => this.all.forEach((one) => one.phase === 'failed' && one.failure === OFFLINE && this.resume(one)))
    addEventListener('beforeunload', (event) => {
      // What is sent goes on after a reload when the same file is chosen again; that is worth a question.
      if (this.all.some((one) => one.phase === 'sending')) event.preventDefault()
    })
  }

  add(files: { file: File; path: string }[]): number {
    const media = files.filter(({ file }) => MEDIA.test(file.name))
    this.all = [...this.all, ...media.map(({ file, path }) => new Sending(++this.#last, file, path))]
    this.#pump()
    return files.length - media.length
  }

  pause(one: Sending): void {
    one.phase = 'paused'
    one.stop.abort()
    void one.tus?.abort()
    one.still()
    this.#pump()
  }

  resume(one: Sending): void {
    one.phase = 'waiting'
    one.failure = ''
    one.stop = new AbortController()
    this.#pump()
  }

  async cancel(one: Sending): Promise<void> {
    one.stop.abort()
    this.all = this.all.filter((other) => other !== one)
    await one.tus?.abort(true).catch(() => {})
    this.#pump()
  }

  clear(): void {
    this.all = this.all.filter((one) => one.phase !== 'done')
  }

  #pump(): void {
    const running = this.all.filter((one) => ['counting', 'sending', 'finishing'].includes(one.phase)).length
    const waiting = this.all.filter((one) => one.phase === 'waiting').slice(0, Math.max(0, AT_ONCE - running))
    for (const one of waiting) void this.#send(one)
  }

  async #send(one: Sending): Promise<void> {
    const { signal } = one.stop
    try {
      one.phase = 'counting'
      const sha256 = await digestOf(one.file, signal, (bytes) => (one.counted = bytes))
      one.phase = 'sending'
      await this.#tus(one, sha256)
      one.acknowledged = one.file.size
      one.still()
      one.phase = 'finishing'
      await this.#finished(one, signal)
      one.phase = 'done'
    } catch (error) {
      one.still()
      if (signal.aborted) return
      one.phase = 'failed'
      one.failure = error instanceof TypeError ? OFFLINE : said(error)
    } finally {
      this.#pump()
    }
  }

  async #tus(one: Sending, sha256: string): Promise<void> {
    const { Upload, DetailedError } = await import('tus-js-client')
    await new Promise<void>((resolve, reject) => {
      let sent = false
      const upload = new Upload(one.file, {
        endpoint: `${location.origin}${ROOT}/uploads`,
        chunkSize: PIECE_BYTES,
        retryDelays: RETRY_MS,
        metadata: { filename: one.file.name, filetype: one.file.type, sha256 },
        removeFingerprintOnSuccess: true,
        // The same file is the same upload, also in another window and after a reload.
        fingerprint: async () => `millpond ${sha256} ${one.file.size}`,
        onAfterResponse: (request) => {
          sent ||= request.getMethod() === 'PATCH'
        },
        onShouldRetry: (error) => WORTH_RETRYING.has(error.originalResponse?.getStatus() ?? 0),
        onChunkComplete: (_, acknowledged) => one.moved(acknowledged),
        onSuccess: () => {
          one.known = !sent
          resolve()
        },
        onError: (error) => {
          const answer = error instanceof DetailedError ? error.originalResponse : null
          if (!answer) return reject(new TypeError(OFFLINE))
          let body: unknown = answer.getBody()
          try {
            body = JSON.parse(String(body))
          } catch {
            // A plain sentence.
          }
          reject(refusal(answer.getStatus(), body))
        },
      })
      one.tus = upload
      one.stop.signal.addEventListener('abort', () => reject(one.stop.signal.reason), { once: true })
      void upload.findPreviousUploads().then(([before]) => {
        if (before) upload.resumeFromPreviousUpload(before)
        if (!one.stop.signal.aborted) upload.start()
      }, reject)
    })
  }

  /** What became of the bytes: the server looks at them, keeps them, and says which track they are. */
  async #finished(one: Sending, signal: AbortSignal): Promise<void> {
    const id = one.tus?.url?.split('/').at(-1) ?? ''
    await new Promise<void>((resolve, reject) => {
      const source = new EventSource(`${ROOT}/uploads/${encodeURIComponent(id)}/events`)
      const end = (act: () => void) => (source.close(), act())
      signal.addEventListener('abort', () => end(() => reject(signal.reason)), { once: true })
      source.addEventListener('progress', (event) => {
        const told = JSON.parse(event.data) as { phase: string; track_id: string | null; reason: string | null }
        if (told.phase === 'ready') {
          one.track = told.track_id
          end(resolve)
        } else if (['failed', 'cancelled', 'expired'].includes(told.phase)) {
          end(() => reject(new Error(told.reason ?? `the upload is ${told.phase}`)))
        }
      })
      source.onerror = () => source.readyState === EventSource.CLOSED && end(() => reject(new TypeError(OFFLINE)))
    })
  }
}

const OFFLINE = 'The server cannot be reached; this goes on when it is back'

export const uploads = new Uploads()

/** Files of what was dropped, also those of folders in folders. */
export async function filesOf(items: DataTransferItemList): Promise<{ file: File; path: string }[]> {
  const found: { file: File; path: string }[] = []
  async function walk(entry: FileSystemEntry | null, path: string): Promise<void> {
    if (entry?.isFile) {
      const file = await new Promise<File>((yes, no) => (entry as FileSystemFileEntry).file(yes, no))
      found.push({ file, path: path + file.name })
    } else if (entry?.isDirectory) {
      const reader = (entry as FileSystemDirectoryEntry).createReader()
      let some: FileSystemEntry[]
      do {
        some = await new Promise<FileSystemEntry[]>((yes, no) => reader.readEntries(yes, no))
        for (const one of some) await walk(one, `${path}${entry.name}/`)
      } while (some.length)
    }
  }
  // The list is empty after the first wait.
  const entries = [...items].map((item) => item.webkitGetAsEntry())
  for (const entry of entries) await walk(entry, '')
  return found
}
