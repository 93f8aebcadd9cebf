// What happens, as it happens: one connection for the whole page.
import { ROOT, type ServerState } from './client'
import { session } from './session.svelte'

/** Moments of the picture of the memory that are kept: ten minutes. */
const MOMENTS_MAX = 600
const AGAIN_MS = 3_000

class Live {
  connected = $state(false)
  /** When what lists show changed last. */
  library = $state('')
  moments = $state.raw<ServerState[]>([])
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

  close(): void {
    this.#source?.close()
    this.#source = null
    this.connected = false
    this.moments = []
  }
}

export const live = new Live()
