// What happens, as it happens: one connection for the whole page.
import { ROOT, type ServerState, type UnderWay } from './client'
import { session } from './session.svelte'

/** Moments of the picture of the memory that are kept: ten minutes. */
const MOMENTS_MAX = 600
const AGAIN_MS = 3_000

class Live {
  connected = $state(false)
  /** When what lists show changed last. */
  library = $state('')
  moments = $state.raw<ServerState[]>([])
  /** What goes on: one's own, or for admins everybody's. */
  underWay = $state.raw<UnderWay | null>(null)
  /** Bytes per second of each upload, measured from one event to the next. */
  speeds = $state.raw<Map<string, number>>(new Map())
  #heard = 0
  #source: EventSource | null = null

  get server(): ServerState | undefined {
    return this.moments.at(-1)
  }

  open(): void {
    this.close()
    const source = new EventSource(`${ROOT}/events`)
    this.#source = source
    source.onopen = () => (this.connected = true)
    source.addEventListener('library', (event) => (this.library = JSON.parse(event.data).changed))
    source.addEventListener('under_way', (event) => this.#hear(JSON.parse(event.data)))
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

  #hear(told: UnderWay): void {
    const now = performance.now()
    const before = new Map(this.underWay?.uploads.uploads.map((one) => [one.id, one.received_bytes]))
    const seconds = (now - this.#heard) / 1000
    this.speeds = new Map(told.uploads.uploads.map((one) => [one.id, Math.max(0, one.received_bytes - (before.get(one.id) ?? one.received_bytes)) / seconds]))
    this.#heard = now
    this.underWay = told
  }

  close(): void {
    this.#source?.close()
    this.#source = null
    this.connected = false
    this.moments = []
    this.underWay = null
  }
}

export const live = new Live()
