// What happens, as it happens: one connection for the whole page.
import { type Ended, pause, Refused, ROOT, type ServerState, type UnderWay, type User } from './client'
import { session } from './session.svelte'

/** Moments of the picture of the memory that are kept: ten minutes. */
const MOMENTS_MAX = 600
const AGAIN_MS = 3_000

interface UploadFar {
  phase: string
  track_id?: string | null
  reason?: string | null
}

interface JobFar {
  status: string
  progress?: number | null
  error?: string | null
}

class Live {
  connected = $state(false)
  /** Another text whenever what lists show has changed; each connection begins with it, so also what did while there was none. */
  library = $state('')
  moments = $state.raw<ServerState[]>([])
  /** What goes on: one's own, or for admins everybody's. */
  underWay = $state.raw<UnderWay | null>(null)
  /** What has ended among one's own newest uploads and jobs. */
  ended = $state.raw<Ended | null>(null)
  /** Bytes per second of each upload, measured from one event to the next. */
  speeds = $state.raw<Map<string, number>>(new Map())
  #heard = 0
  /** How often one of the two was told. */
  #told = 0
  #news = new EventTarget()
  #source: EventSource | null = null

  constructor() {
    addEventListener('online', () => this.#news.dispatchEvent(new Event('back')))
  }

  get server(): ServerState | undefined {
    return this.moments.at(-1)
  }

  open(): void {
    this.close()
    const source = new EventSource(`${ROOT}/events`)
    this.#source = source
    source.onopen = () => {
      this.connected = true
      this.#news.dispatchEvent(new Event('back'))
    }
    source.addEventListener('library', (event) => (this.library = JSON.parse(event.data).changed))
    source.addEventListener('rights', (event) => this.#become(JSON.parse(event.data)))
    source.addEventListener('under_way', (event) => this.#hear(JSON.parse(event.data)))
    source.addEventListener('ended', (event) => {
      this.ended = JSON.parse(event.data)
      this.#tell()
    })
    source.addEventListener('server', (event) => {
      this.moments = [...this.moments.slice(1 - MOMENTS_MAX), JSON.parse(event.data)]
    })
    source.addEventListener('signed_out', () => {
      this.close()
      session.user = null
    })
    source.onerror = () => {
      this.connected = false
      // A browser asks again by itself unless the answer was an error; then it may be that nobody is signed in any more.
      if (source.readyState === EventSource.CLOSED && this.#source === source) {
        setTimeout(() => this.#source === source && session.look().then(() => session.user && this.open()), AGAIN_MS)
      }
    }
  }

  /** Who sits here has another role, other rights or other libraries; each connection begins with what he is. */
  #become(user: User): void {
    if (JSON.stringify(session.user) === JSON.stringify(user)) return
    const sees = JSON.stringify(session.user?.libraries) + session.user?.role
    session.user = user
    if (!session.isAdmin) this.moments = []
    if (sees !== JSON.stringify(user.libraries) + user.role) this.library += ' for another'
  }

  #hear(told: UnderWay): void {
    const now = performance.now()
    const before = new Map(this.underWay?.uploads.uploads.map((one) => [one.id, one.received_bytes]))
    const seconds = (now - this.#heard) / 1000
    this.speeds = new Map(told.uploads.uploads.map((one) => [one.id, Math.max(0, one.received_bytes - (before.get(one.id) ?? one.received_bytes)) / seconds]))
    this.#heard = now
    this.underWay = told
    this.#tell()
  }

  upload(id: string): UploadFar | undefined {
    return this.ended?.uploads.find((one) => one.upload_id === id) ?? this.underWay?.uploads.uploads.find((one) => one.id === id)
  }

  job(id: string): JobFar | undefined {
    return this.ended?.jobs.find((one) => one.job_id === id) ?? this.underWay?.jobs.jobs.find((one) => one.job_id === id)
  }

  /**
   * How far one thing is: read at first, then told whenever what goes on or what has ended is another. What is not among what is
   * told, which are first pages, is read then too. An end makes another of both or of one of them, so none is missed.
   */
  async *follow<Far extends object>(told: () => Far | undefined, read: () => Promise<Far>, signal: AbortSignal): AsyncGenerator<Far> {
    for (let far: Far | undefined; ; ) {
      const before = this.#told
      const now = (far && told()) ?? (await read().catch(unlessAway))
      signal.throwIfAborted()
      if (now) yield (far = now)
      // Nobody answered. If this connection is gone too, it tells how things are when it is back.
      else if (this.connected) {
        await pause(AGAIN_MS, signal)
        continue
      }
      if (this.#told === before) await this.#next('told', signal)
    }
  }

  #tell(): void {
    this.#told++
    this.#news.dispatchEvent(new Event('told'))
  }

  /** Nobody answered: waits until it is worth asking again. If this connection is gone too, that is when it is back. */
  async back(signal: AbortSignal): Promise<void> {
    await (this.connected ? pause(AGAIN_MS, signal) : this.#next('back', signal))
  }

  /** Calls whenever this connection is opened, and when the network is back: who could not be reached may be now. What is returned ends that. */
  onBack(act: () => void): () => void {
    this.#news.addEventListener('back', act)
    return () => this.#news.removeEventListener('back', act)
  }

  async #next(news: 'told' | 'back', signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const heard = new AbortController()
    await new Promise<void>((resolve, reject) => {
      this.#news.addEventListener(news, () => resolve(), { signal: heard.signal })
      signal.addEventListener('abort', () => reject(signal.reason), { signal: heard.signal })
    }).finally(() => heard.abort())
  }

  close(): void {
    this.#source?.close()
    this.#source = null
    this.connected = false
    this.moments = []
    this.underWay = null
    this.ended = null
  }
}

function unlessAway(error: unknown): undefined {
  if (!(error instanceof Refused) || error.status) throw error
}

export const live = new Live()
