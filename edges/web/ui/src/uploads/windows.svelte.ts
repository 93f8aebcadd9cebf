// What other windows of this browser have on its way, as they say it themselves.
import type { Remembered } from './files'

/** A window asks the others; or says what it has on its way beside what it said before, and what it has not any more. */
type Said = 'who?' | { window: string; more: Remembered[]; less: string[] }

/** So long a window is waited for that may have something to say. */
const ANSWER_MS = 250

class Windows {
  /** What each of the others has, by its id. */
  #others = $state.raw<Map<string, Map<string, Remembered>>>(new Map())
  #mine = new Map<string, Remembered>()
  #name = `${Date.now()} ${Math.random()}`
  #channel = new BroadcastChannel('millpond uploads')
  readonly all = $derived([...this.#others.values()].flatMap((has) => [...has.values()]))

  /** Calls when one of the others has let go of something. */
  onleft = (): void => {}

  constructor() {
    this.#channel.onmessage = ({ data }: MessageEvent<Said>) => {
      if (data === 'who?') return this.#say([...this.#mine.values()], [])
      const has = new Map(this.#others.get(data.window))
      for (const one of data.more) has.set(one.id, one)
      const left = data.less.filter((id) => has.delete(id))
      this.#others = new Map([...this.#others, [data.window, has]])
      if (left.length) this.onleft()
    }
    addEventListener('pagehide', () => this.#say([], [...this.#mine.keys()]))
    addEventListener('pageshow', (event) => (event as PageTransitionEvent).persisted && this.#say([...this.#mine.values()], []))
  }

  has(id: string): boolean {
    return [...this.#others.values()].some((has) => has.has(id))
  }

  /** This is what this window has on its way now; the others are told what of it is new. */
  tell(mine: Remembered[]): void {
    const before = this.#mine
    this.#mine = new Map(mine.map((one) => [one.id, one]))
    this.#say(mine.filter(({ id }) => !before.has(id)), [...before.keys()].filter((id) => !this.#mine.has(id)))
  }

  /** Every window that has something on its way has said so when this returns. */
  async ask(): Promise<void> {
    this.#send('who?')
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS))
  }

  #say(more: Remembered[], less: string[]): void {
    if (more.length || less.length) this.#send({ window: this.#name, more, less })
  }

  #send(said: Said): void {
    this.#channel.postMessage(said)
  }
}

export const windows = new Windows()
