// What a view shows of the library: read when it opens, and again when the library has changed, or the server is back that could
// not be reached. What is shown stays until the other comes, with the place, the focus and whatever somebody types beside it.
import { untrack } from 'svelte'
import { mayComeLater, Refused, said } from '../api/client'
import { live } from '../api/live.svelte'

/** Looks again whenever another one is told of what it shows, which is the library if nothing else is said. Called while a view is made. */
export function renewed(look: () => unknown, told: () => string = () => live.library): void {
  let known = untrack(told)
  $effect(() => {
    const now = told()
    // What is told first is what was read.
    if (known && known !== now) untrack(look)
    known = now
  })
}

/** Looks again as soon as it is worth it, whenever it failed so many times in a row. Called while a view is made. */
export function retried(look: () => unknown, failures: () => number): void {
  $effect(() => {
    const times = failures()
    if (!times) return
    const gone = new AbortController()
    live.back(gone.signal, times).then(() => gone.signal.aborted || look(), () => {})
    return () => gone.abort()
  })
}

/**
 * What is said of a reading that failed, and how often it did in a row if it may come later. Who counts that is `retried`, so nobody
 * is told to try again.
 */
export function missed(error: unknown, failures: number): [words: string, failures: number] {
  const isAway = error instanceof Refused && !error.status
  const words = said(isAway ? new Refused(0, error.code, error.message, 'this comes when it is back') : error)
  return [words, mayComeLater(error) ? failures + 1 : 0]
}

export class Reading<T> {
  value = $state.raw<T | null>(null)
  failed = $state('')
  /** How often it failed in a row, of what may come later. */
  #failures = $state(0)
  #looking: Promise<void> | null = null
  /** What was read last may be another by now. */
  #isStale = false

  constructor(private readonly read: () => Promise<T>) {
    void this.look()
    renewed(() => this.look())
    retried(() => this.look(), () => this.#failures)
  }

  /** Reads it. A reading under way is finished first, so that changes which come faster than answers starve nobody. */
  look(): Promise<void> {
    this.#isStale = true
    return (this.#looking ??= this.#readAll())
  }

  async #readAll(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false
      try {
        const value = await this.read()
        // Nothing is made anew for what is as it was: a video plays on.
        if (JSON.stringify(value) !== JSON.stringify(this.value)) this.value = value
        ;[this.failed, this.#failures] = ['', 0]
      } catch (error) {
        ;[this.failed, this.#failures] = missed(error, this.#failures)
      }
    }
    this.#looking = null
  }
}

/** A list to its `next` page, which is none when there is no other. */
export interface Grown<Row> {
  rows: Row[]
  next: string | null
}

/** A list that grows while somebody goes down. When the library is another one, as many rows are read anew as there were. */
export class Growing<Row> {
  #reading: Reading<Grown<Row>>
  #grows = false

  constructor(private readonly page: (after?: string) => Promise<{ rows: Row[]; next?: string | null }>) {
    this.#reading = new Reading(() => this.#anew())
  }

  get shown(): Grown<Row> | null {
    return this.#reading.value
  }

  get failed(): string {
    return this.#reading.failed
  }

  /** Adds a page, if there is one. */
  async grow(): Promise<void> {
    const from = this.shown
    if (this.#grows || !from?.next) return
    this.#grows = true
    try {
      const grown = await this.#behind(from)
      // Those before it may be others by now.
      if (this.shown === from) this.#reading.value = grown
    } finally {
      this.#grows = false
    }
  }

  async #anew(): Promise<Grown<Row>> {
    let found = await this.#behind({ rows: [], next: null })
    while (found.next && found.rows.length < (this.shown?.rows.length ?? 0)) found = await this.#behind(found)
    return found
  }

  async #behind({ rows, next }: Grown<Row>): Promise<Grown<Row>> {
    const page = await this.page(next ?? undefined)
    return { rows: [...rows, ...page.rows], next: page.next ?? null }
  }
}
