// What other windows of this browser have on its way, as they say it themselves.
import type { Remembered } from './files'

/** A window asks the others, or says what it has on its way now. */
type Said = 'who?' | { window: string; has: Remembered[] }

/** So long a window is waited for that may have something to say. */
const ANSWER_MS = 250

class Windows {
  /** What each of the others has. */
  #others = $state.raw<Map<string, Remembered[]>>(new Map())
  #mine: Remembered[] = []
  #name = `${Date.now()} ${Math.random()}`
  #channel = new BroadcastChannel('millpond uploads')
  readonly all = $derived([...this.#others.values()].flat())

  /** Calls when one of the others has let go of something. */
  onleft = (): void => {}

  constructor() {
    this.#channel.onmessage = ({ data }: MessageEvent<Said>) => {
      if (data === 'who?') return this.#mine.length ? this.#tell(this.#mine) : undefined
      const before = this.#others.get(data.window) ?? []
      this.#others = new Map([...this.#others, [data.window, data.has]])
      if (before.some((one) => !data.has.some(({ id }) => id === one.id))) this.onleft()
    }
    addEventListener('pagehide', () => this.#tell([]))
    addEventListener('pageshow', (event) => (event as PageTransitionEvent).persisted && this.#tell(this.#mine))
  }

  has(id: string): boolean {
    return this.all.some((one) => one.id === id)
  }

  /** This is what this window has on its way now. */
  tell(mine: Remembered[]): void {
    if (mine.length || this.#mine.length) this.#tell(mine)
    this.#mine = mine
  }

  /** Every window that has something on its way has said so when this returns. */
  async ask(): Promise<void> {
    this.#say('who?')
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS))
  }

  #tell(has: Remembered[]): void {
    this.#say({ window: this.#name, has })
  }

  #say(said: Said): void {
    this.#channel.postMessage(said)
  }
}

export const windows = new Windows()
