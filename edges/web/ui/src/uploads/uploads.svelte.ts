// Files on their way to the server: counted, sent, resumed. What the server has is what it has acknowledged.
import { untrack } from 'svelte'
import type { DetailedError, PreviousUpload, Upload, UploadOptions } from 'tus-js-client'
import { api, asked, hasWords, here, mayComeLater, OF_PROXIES, patiently, refusal, Refused, ROOT, said } from '../api/client'
import { live } from '../api/live.svelte'
import { session } from '../api/session.svelte'
import { count } from '../shell/format'
import { notices } from '../shell/notices.svelte'
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
/** Phases that take one of the places of what is on its way at once. */
const RUNS = new Set<Phase>(['counting', 'sending', 'finishing'])
/** Phases in which the server has to do with the bytes of a file, which it takes from one sender at a time. */
const AT_SERVER = new Set<Phase>(['sending', 'finishing', 'cancelling'])
/** Phases in which nothing goes on by itself. */
const RESTS = new Set<Phase>(['done', 'failed', 'uncancelled', 'asking', 'missing'])
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
  /** Why the server takes nothing just now; empty as soon as it answers. */
  hindrance = $state('')
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
    return file.size === this.size && file.name === this.name && WAITS_FOR_A_FILE.has(this.phase)
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
    this.hindrance = ''
    this.#seen = []
  }
}

class Uploads {
  all = $state.raw<Sending[]>([])
  /** What other windows of this browser have on their way. */
  readonly elsewhere = $derived(windows.all.filter((kept) => kept.user === session.user?.id))
  readonly open = $derived(this.all.filter((one) => !RESTS.has(one.phase)).length)
  readonly done = $derived(this.all.filter((one) => one.phase === 'done').length)
  /** Those that failed, the last one of them last. */
  readonly failed = $derived(this.all.filter((one) => one.phase === 'failed' || one.phase === 'uncancelled'))

  constructor() {
    $effect.root(() => {
      $effect(() => windows.tell(this.all.filter((one) => !WAITS_FOR_A_FILE.has(one.phase) && one.phase !== 'done').map((one) => one.kept)))
      // What another window takes up is shown as that one's; what it leaves behind goes on here, unless it has ended.
      $effect(() => {
        void windows.all
        untrack(() => (this.all = this.all.filter((one) => !WAITS_FOR_A_FILE.has(one.phase) || !windows.has(one.id))))
      })
    })
    windows.onleft = () => void this.#take()
    addEventListener('beforeunload', (event) => {
      // What is sent goes on after a reload when the same file is chosen again; that is worth a question.
      if (this.all.some((one) => one.phase === 'sending')) event.preventDefault()
    })
  }

  /** Puts files in line, and says which are not. One that was on its way before a reload goes on. */
  add(files: Chosen[]): void {
    const media = files.filter(({ file }) => MEDIA.test(file.name))
    const sentElsewhere = new Set(this.elsewhere.map(named))
    const [mine, theirs] = [media.filter(({ file }) => !sentElsewhere.has(named(file))), media.filter(({ file }) => sentElsewhere.has(named(file)))]
    const added: Sending[] = []
    for (const { file, path, handle } of mine) {
      const before = this.all.find((one) => one.isLike(file))
      if (before) {
        before.file = file
        ready(before)
        continue
      }
      const kept: Remembered = { id: `${Date.now()} ${Math.random()}`, user: session.user?.id ?? '', name: file.name, path, size: file.size, modified: file.lastModified, sha256: null, handle }
      added.push(new Sending(kept, file))
    }
    void remember(added.map((one) => one.kept))
    this.all = [...this.all, ...added]
    this.#pump()
    const others = files.length - media.length
    if (others) notices.say(`${count(others, 'file is', 'files are')} no sound, video or picture`)
    if (theirs.length) notices.say(theirs.length === 1 ? `${theirs[0]?.file.name} is on its way in another window` : `${count(theirs.length, 'file')} are on their way in another window`)
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
    ready(one)
    this.#pump()
  }

  /** What the server has of it goes as well, also of one of before a reload; until then it stays in the list. */
  async cancel(one: Sending): Promise<void> {
    one.stop.abort()
    one.still()
    one.phase = 'cancelling'
    try {
      await this.#end(one)
      await forget(one.id)
      this.all = this.all.filter((other) => other !== one)
    } catch (error) {
      one.phase = 'uncancelled'
      one.failure = `It is not cancelled yet. ${statusOf(error as Error) ? said(refused(error as Error)) : AWAY}`
    } finally {
      this.#pump()
    }
  }

  clear(): void {
    this.all = this.all.filter((one) => one.phase !== 'done')
  }

  #pump(): void {
    const places = AT_ONCE - this.all.filter((one) => RUNS.has(one.phase)).length
    const taken = this.#atServer()
    const next = this.all.filter(({ phase, kept }) => phase === 'waiting' && !(kept.sha256 && taken.has(kept.sha256)))
    for (const one of next.slice(0, Math.max(0, places))) void this.#send(one)
  }

  /** The checksums of what the server has to do with. The same bytes under another name wait until it knows them. */
  #atServer(): Set<string | null> {
    return new Set(this.all.filter((one) => AT_SERVER.has(one.phase)).map((one) => one.kept.sha256))
  }

  async #send(one: Sending): Promise<void> {
    const { signal } = one.stop
    try {
      const file = one.file
      if (!file) return
      one.phase = 'counting'
      const sha256 = await this.#counted(one, file)
      if (this.#atServer().has(sha256)) {
        one.phase = 'waiting'
        return
      }
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
    void remember([kept])
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
      upload.resumeFromPreviousUpload(within(before))
      await upload.abort(true).catch(unlessGone)
    }
  }

  async #tus(one: Sending, file: File, sha256: string): Promise<void> {
    const { Upload } = await import('tus-js-client')
    await new Promise<void>((resolve, reject) => {
      let sent = false
      const upload = new Upload(file, {
        ...lasting(one.kept.user, sha256, file.size),
        // While it is tried again it has no speed, and says why.
        onShouldRetry: (error) => {
          one.still()
          const again = isWorthRetrying(error)
          if (again) one.hindrance = isAway(error) ? OFFLINE : `${said(refused(error))}; it is tried again`
          return again
        },
        chunkSize: PIECE_BYTES,
        metadata: { filename: file.name, filetype: file.type, sha256 },
        onAfterResponse: (request, answer) => {
          const [method, status] = [request.getMethod(), answer.getStatus()]
          // What is on the way may answer where an upload is asked for that the server still has: nothing begins anew for that.
          if (method === 'HEAD' && status >= 500) throw new TypeError(OFFLINE)
          one.hindrance = ''
          sent ||= method === 'PATCH'
          // Where the server has these bytes already, it says so when it is told of them, and nothing is to be sent.
          one.known = method === 'POST' && file.size > 0 && Number(answer.getHeader('Upload-Offset')) === file.size
          upload.options.storeFingerprintForResuming = !one.known
        },
        onUploadUrlAvailable: () => {
          upload.url = here(upload.url ?? '')
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
        if (before) upload.resumeFromPreviousUpload(within(before))
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

/** What was begun under another address of the server goes on under the one of this page. */
const within = (before: PreviousUpload): PreviousUpload => ({ ...before, uploadUrl: before.uploadUrl && here(before.uploadUrl) })

/** By what a file is taken for another one before its bytes are known. */
const named = ({ name, size }: { name: string; size: number }): string => `${size} ${name}`

function ready(one: Sending): void {
  one.phase = 'waiting'
  one.failure = ''
  one.stop = new AbortController()
}

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
  return refusal(answer.getStatus(), body, answer.getHeader('Retry-After'))
}

const isAway = (error: Error): boolean => refused(error) instanceof TypeError

const CHANGED = 'the file has changed since it was chosen, or is gone; cancel it, and choose it again'
const AWAY = 'The server cannot be reached'
const OFFLINE = `${AWAY}; this goes on when it is back`

export const uploads = new Uploads()
