// Files on their way to the server: counted, sent, resumed. What the server has is what it has acknowledged.
import { untrack } from 'svelte'
import type { DetailedError, Upload, UploadOptions } from 'tus-js-client'
import { api, asked, hasWords, mayComeLater, OF_PROXIES, patiently, refusal, Refused, ROOT, said } from '../api/client'
import { live } from '../api/live.svelte'
import { session } from '../api/session.svelte'
import { digestOf } from './digest'
import { type Chosen, fileOf, forget, type Remembered, remember, remembered } from './files'
import { windows } from './windows.svelte'

/** Of a file of before a reload, `asking` waits for a click, and `missing` for the same file to be chosen again. */
export type Phase = 'asking' | 'missing' | 'waiting' | 'counting' | 'sending' | 'paused' | 'finishing' | 'cancelling' | 'uncancelled' | 'done' | 'failed'

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
/** Phases of what is on its way in no window. */
const WAITS_FOR_A_FILE = new Set<Phase>(['asking', 'missing'])
/** Phases in which an upload ends that is in no library. */
const LOST = new Set(['failed', 'cancelled', 'expired'])
/** The status of what was there and is not any more. */
const GONE = 410
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
  /** What was chosen again has other bytes than before, and is sent from its beginning. */
  isOther = $state(false)
  tus: Upload | null = null
  stop = new AbortController()
  /** How often in a row nobody could be reached. */
  outages = 0
  /** What its checksum was counted of. */
  summed: File | null = null
  #seen: [number, number][] = []

  constructor(
    readonly kept: Remembered,
    public file: File | null,
  ) {
    this.phase = file ? 'waiting' : kept.handle ? 'asking' : 'missing'
  }

  get id(): string {
    return this.kept.id
  }

  get name(): string {
    return this.kept.name
  }

  get size(): number {
    return this.kept.size
  }

  /** Whether these may be the bytes of before: their SHA-256 tells in the end. */
  isLike(file: File): boolean {
    return (this.phase === 'missing' || this.phase === 'asking') && file.name === this.name && file.size === this.size
  }

  moved(bytes: number): void {
    const now = performance.now()
    this.outages = 0
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

  get open(): number {
    return this.all.filter((one) => !['done', 'failed', 'uncancelled', 'asking', 'missing'].includes(one.phase)).length
  }

  constructor() {
    $effect.root(() => {
      $effect(() => windows.tell(this.all.filter((one) => !WAITS_FOR_A_FILE.has(one.phase) && one.phase !== 'done').map((one) => one.kept)))
      // What another window takes up is shown as that one's; what it leaves behind goes on here, unless it has ended.
      $effect(() => {
        const { all } = windows
        untrack(() => (this.all = this.all.filter((one) => !WAITS_FOR_A_FILE.has(one.phase) || !all.some(({ id }) => id === one.id))))
      })
    })
    windows.onleft = () => void this.#take()
    addEventListener('beforeunload', (event) => {
      // What is sent goes on after a reload when the same file is chosen again; that is worth a question.
      if (this.all.some((one) => one.phase === 'sending')) event.preventDefault()
    })
  }

  /** What other windows of this browser have on its way. */
  get elsewhere(): Remembered[] {
    return windows.all.filter((kept) => kept.user === session.user?.id)
  }

  /** Puts files in line; says how many are no media. One that was on its way before a reload goes on. */
  add(files: Chosen[]): number {
    const media = files.filter(({ file }) => MEDIA.test(file.name))
    for (const { file, path, handle } of media) {
      if (this.elsewhere.some((kept) => kept.name === file.name && kept.size === file.size)) continue
      const before = this.all.find((one) => one.isLike(file))
      if (before) {
        before.file = file
        this.resume(before)
        continue
      }
      const kept: Remembered = { id: `${Date.now()} ${Math.random()}`, user: session.user?.id ?? '', name: file.name, path, size: file.size, modified: file.lastModified, sha256: null, handle }
      void remember(kept)
      this.all = [...this.all, new Sending(kept, file)]
    }
    this.#pump()
    return files.length - media.length
  }

  /** What was on its way before a reload. What may be read still goes on at once. */
  async recall(): Promise<void> {
    await windows.ask()
    await this.#take()
  }

  /** What no window has on its way. */
  async #take(): Promise<void> {
    const known = new Set(this.all.map((one) => one.id))
    const found = (await remembered(session.user?.id ?? '')).filter((kept) => !known.has(kept.id) && !windows.has(kept.id))
    const again = await Promise.all(found.map(async (kept) => new Sending(kept, kept.handle ? await fileOf(kept.handle, false).catch(() => null) : null)))
    this.all = [...this.all, ...again]
    this.#pump()
  }

  /** A click allows what the browser asks for. A file that is not there any more has to be chosen. */
  async allow(one: Sending): Promise<void> {
    const { handle } = one.kept
    try {
      one.file = handle ? await fileOf(handle, true) : null
    } catch {
      one.phase = 'missing'
    }
    if (one.file) this.resume(one)
  }

  /** Somebody else sits down. */
  leave(): void {
    for (const one of this.all) {
      one.stop.abort()
      void one.tus?.abort()
    }
    this.all = []
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

  /** What the server has of it goes as well, also of one of before a reload; until then it stays in the list. */
  async cancel(one: Sending): Promise<void> {
    one.stop.abort()
    one.still()
    one.phase = 'cancelling'
    this.#pump()
    try {
      await this.#end(one)
      await forget(one.id)
      this.all = this.all.filter((other) => other !== one)
    } catch (error) {
      one.phase = 'uncancelled'
      one.failure = `It is not cancelled yet. ${statusOf(error as Error) ? said(refused(error as Error)) : AWAY}`
    }
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
      const file = one.file
      if (!file) return
      one.phase = 'counting'
      const sha256 = await this.#counted(one, file)
      one.phase = 'sending'
      await this.#tus(one, file, sha256)
      one.acknowledged = one.size
      one.still()
      one.phase = 'finishing'
      await this.#finished(one, signal)
      // Other windows take up what is remembered and no window's.
      await forget(one.id)
      one.phase = 'done'
    } catch (reason) {
      one.still()
      const error = reason instanceof TypeError && !(await isAsChosen(one.file)) ? new Error(CHANGED) : reason
      if (signal.aborted) return
      one.phase = 'failed'
      one.failure = error instanceof TypeError ? OFFLINE : said(error)
      if (error instanceof TypeError) void live.back(signal, ++one.outages).then(() => one.stop.signal === signal && this.resume(one), () => {})
      // What the server does not want is not asked for again after a reload.
      else if (!mayComeLater(error)) void forget(one.id)
    } finally {
      this.#pump()
    }
  }

  /** The SHA-256 of a file, which is counted once while the file stays as it is. */
  async #counted(one: Sending, file: File): Promise<string> {
    const { kept, stop } = one
    if (kept.sha256 && (kept.handle || one.summed === file) && kept.modified === file.lastModified && kept.size === file.size) return kept.sha256
    const sha256 = await digestOf(file, stop.signal, (bytes) => (one.counted = bytes))
    one.isOther = kept.sha256 !== null && kept.sha256 !== sha256
    one.summed = file
    Object.assign(kept, { sha256, size: file.size, modified: file.lastModified })
    void remember(kept)
    return sha256
  }

  /** Ends at the server whatever it has of these bytes. */
  async #end(one: Sending): Promise<void> {
    await one.tus?.abort()
    const { sha256, size, user } = one.kept
    // Nothing is sent before it is counted.
    if (!sha256) return
    const { Upload } = await import('tus-js-client')
    const upload = one.tus ?? new Upload(new Blob(), lasting(user, sha256, size))
    if (upload.url) await upload.abort(true).catch(unlessGone)
    for (const before of await upload.findPreviousUploads()) {
      upload.resumeFromPreviousUpload(before)
      await upload.abort(true).catch(unlessGone)
    }
  }

  async #tus(one: Sending, file: File, sha256: string): Promise<void> {
    const { Upload } = await import('tus-js-client')
    await new Promise<void>((resolve, reject) => {
      let sent = false
      const upload = new Upload(file, {
        ...lasting(one.kept.user, sha256, file.size),
        // While nobody answers it has no speed.
        onShouldRetry: (error) => (one.still(), isWorthRetrying(error)),
        chunkSize: PIECE_BYTES,
        metadata: { filename: file.name, filetype: file.type, sha256 },
        onAfterResponse: (request, answer) => {
          const method = request.getMethod()
          sent ||= method === 'PATCH'
          // Where the server has these bytes already, it says so when it is told of them, and nothing is to be sent.
          one.known = method === 'POST' && file.size > 0 && Number(answer.getHeader('Upload-Offset')) === file.size
          upload.options.storeFingerprintForResuming = !one.known
        },
        onUploadUrlAvailable: () => {
          if (one.known) void upload.abort().then(resolve, reject)
        },
        onChunkComplete: (_, acknowledged) => one.moved(acknowledged),
        onSuccess: () => {
          one.known = !sent
          resolve()
        },
        onError: (error) => reject(refused(error)),
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
    const read = () => asked(api.GET('/uploads/{id}', { params: { path: { id } }, ...patiently(signal) }))
    for await (const far of live.follow(() => live.upload(id), read, signal)) {
      if (far.phase === 'ready') {
        one.track = far.track_id ?? null
        return
      }
      if (LOST.has(far.phase)) throw new Refused(GONE, far.phase, far.reason ?? `the upload is ${far.phase}`, null)
    }
  }
}

/** By what an upload is found again: the same file of the same user is the same upload, also in another window and after a reload. */
const lasting = (user: string, sha256: string, size: number): UploadOptions => ({
  endpoint: `${location.origin}${ROOT}/uploads`,
  retryDelays: RETRY_MS,
  removeFingerprintOnSuccess: true,
  fingerprint: async () => `millpond ${user} ${sha256} ${size}`,
  onShouldRetry: isWorthRetrying,
})

/** A browser reads nothing any more of a file that was changed, moved or removed since. */
const isAsChosen = async (file: File | null): Promise<boolean> => !file || (await file.slice(0, 1).arrayBuffer().then(() => true, () => false))

/** Zero where nobody answered. */
const statusOf = (error: Error): number => (error as Partial<DetailedError>).originalResponse?.getStatus() ?? 0

const isWorthRetrying = (error: Error): boolean => WORTH_RETRYING.has(statusOf(error))

/** What has ended already need not be ended. */
function unlessGone(error: Error): void {
  if (![404, 410].includes(statusOf(error))) throw error
}

/** What the server said, in its own words. What something on the way says in its place has neither these nor the protocol's name. */
function refused(error: Error): Error {
  const answer = (error as Partial<DetailedError>).originalResponse
  if (!answer) return new TypeError(OFFLINE)
  let body: unknown = answer.getBody()
  try {
    body = JSON.parse(String(body))
  } catch {
    // A plain sentence.
  }
  if (OF_PROXIES.has(answer.getStatus()) && !answer.getHeader('Tus-Resumable') && !hasWords(body)) return new TypeError(OFFLINE)
  return refusal(answer.getStatus(), body)
}

const CHANGED = 'the file has changed since it was chosen, or is gone; cancel it, and choose it again'
const AWAY = 'The server cannot be reached'
const OFFLINE = `${AWAY}; this goes on when it is back`

export const uploads = new Uploads()
