// What happens, as it happens: one connection for all windows of a browser.
import { api, asked, type Ended, type Moment, patiently, pause, Refused, ROOT, type ServerState, type UnderWay, type User } from './client'
import { attend, type News, type Wish } from './events'
import { session } from './session.svelte'

/** How far back the picture of the memory goes, here as at the server. */
export const KEPT_MS = 600_000
/** So soon somebody is asked again who did not answer, and less often each time. */
const AGAIN_MS = 3_000
const AGAIN_MS_MAX = 30_000

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
  /** The same for playlists. */
  playlists = $state('')
  /** How the server stands, for admins. */
  server = $state.raw<ServerState | null>(null)
  /** And stood: what it remembered when the connection was opened, and what was told since. */
  moments = $state.raw<Moment[]>([])
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
  /** Ends asking what the server remembers. */
  #remembering = new AbortController()
  /** To whoever holds the connection. */
  #line: MessagePort | null = null
  /** How often it was refused since it was open last. */
  #refusals = 0
  /** Whether this browser has a worker for all its windows. */
  #shares = 'SharedWorker' in globalThis

  constructor() {
    addEventListener('online', () => this.#news.dispatchEvent(new Event('back')))
    // A window that is kept for whoever goes back to it listens no more, and does again when he does.
    addEventListener('pagehide', () => this.close())
    addEventListener('pageshow', (event) => (event as PageTransitionEvent).persisted && session.user && this.open())
  }

  open(): void {
    this.close()
    this.#line = this.#toHolder()
    this.#line.onmessage = ({ data }: MessageEvent<News>) => this.#hear(data)
    this.#listen()
  }

  #toHolder(): MessagePort {
    if (this.#shares) {
      const worker = new SharedWorker(new URL('./events.worker.ts', import.meta.url), { type: 'module', name: 'events' })
      // It did not come, or is of a kind that this browser does not know.
      worker.onerror = () => {
        this.#shares = false
        if (this.#line === worker.port) this.open()
      }
      return worker.port
    }
    const { port1, port2 } = new MessageChannel()
    attend(port1)
    return port2
  }

  #listen(): void {
    const wish: Wish = { address: `${location.origin}${ROOT}/events`, user: session.user?.id ?? '' }
    this.#line?.postMessage(wish)
  }

  #hear(news: News): void {
    if (news === 'open') {
      this.#refusals = 0
      this.connected = true
      void this.#remember()
      this.#news.dispatchEvent(new Event('back'))
    } else if (news === 'away') [this.connected, this.speeds] = [false, new Map()]
    else if (news === 'refused') this.#lookAgain()
    else this.#happen(news.name, news.data)
  }

  /** A browser asks again by itself unless the answer was an error; then it may be that nobody is signed in any more. */
  #lookAgain(): void {
    this.connected = false
    const line = this.#line
    const again = async () => {
      if (this.#line !== line) return
      await session.look()
      if (this.#line === line && session.user) this.#listen()
    }
    setTimeout(again, again_ms(this.#refusals++))
  }

  #happen(name: string, data: string): void {
    const told = JSON.parse(data)
    switch (name) {
      case 'library': return void (this.library = told.changed)
      case 'playlists': return void (this.playlists = told.changed)
      case 'rights': return this.#become(told)
      case 'under_way': return this.#move(told)
      case 'ended':
        this.ended = told
        return this.#tell()
      case 'server': return this.#stand(told)
      case 'signed_out':
        this.close()
        session.user = null
    }
  }

  /** Who sits here has another role, other rights or other libraries; each connection begins with what he is. */
  #become(user: User): void {
    if (JSON.stringify(session.user) === JSON.stringify(user)) return
    const wasAdmin = session.isAdmin
    const sees = JSON.stringify(session.user?.libraries) + session.user?.role
    session.user = user
    if (!session.isAdmin) this.#forget()
    else if (!wasAdmin) void this.#remember()
    if (sees !== JSON.stringify(user.libraries) + user.role) this.library += ' for another'
  }

  #stand(told: ServerState): void {
    const { at, resident_bytes, processes, pools } = told
    const now: Moment = { at, resident_bytes, server_bytes: processes[0]?.resident_bytes ?? 0, used_bytes: pools.map((pool) => pool.used_bytes) }
    const from = Date.parse(at) - KEPT_MS
    this.server = told
    this.moments = [...this.moments.filter((moment) => Date.parse(moment.at) > from), now]
  }

  /** What the server remembers takes the place of what was told before: it may be another server by now. */
  async #remember(): Promise<void> {
    this.#remembering.abort()
    if (!session.isAdmin) return
    const { signal } = (this.#remembering = new AbortController())
    const before = this.moments
    const told = await asked(api.GET('/memory', patiently(signal))).catch(() => null)
    if (signal.aborted) return
    const [last, since] = [Date.parse(told?.moments.at(-1)?.at ?? ''), this.moments.filter((moment) => !before.includes(moment))]
    this.moments = [...(told?.moments ?? []), ...since.filter((moment) => !(Date.parse(moment.at) <= last))]
  }

  #forget(): void {
    this.#remembering.abort()
    this.server = null
    this.moments = []
  }

  #move(told: UnderWay): void {
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

  /**
   * Nobody answered, so often by now: waits until it is worth asking again. That is when this connection is opened again, or the
   * network is back; and, while there is nothing wrong with either, after a while.
   */
  async back(signal: AbortSignal, failures = 1): Promise<void> {
    const waits = new AbortController()
    const either = AbortSignal.any([signal, waits.signal])
    const news = this.#next('back', either)
    await (this.connected ? Promise.race([pause(again_ms(failures - 1), either), news]) : news).finally(() => waits.abort())
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
    const wish: Wish = 'leave'
    this.#line?.postMessage(wish)
    this.#line = null
    this.connected = false
    this.#forget()
    this.speeds = new Map()
    this.underWay = null
    this.ended = null
  }
}

const again_ms = (times: number): number => Math.min(AGAIN_MS_MAX, AGAIN_MS * 2 ** times)

function unlessAway(error: unknown): undefined {
  if (!(error instanceof Refused) || error.status) throw error
}

export const live = new Live()
