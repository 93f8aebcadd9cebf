// One page of a long list of what goes on: its first page is told live, another one is asked for whenever something was told.
import { missed, retried } from '../library/reading.svelte'

export interface Told<Row> {
  /** How many there are, on all pages. */
  count: number
  rows: Row[]
  /** Where the next page starts; null when this is the last. */
  next?: number | null
}

/** Where each of these pages ends, and how many rows there are to there. */
type Passed = { after: number; rows: number }[]

const NOTHING = { count: 0, rows: [] }

export class Part<Row> {
  failed = $state('')
  #failures = $state(0)
  /** The pages before the one that is shown. */
  #passed = $state.raw<Passed>([])
  /** And before the one that is to be shown, which may have to be asked for. */
  #wanted: Passed = this.#passed
  #asked = $state.raw<Told<Row> | null>(null)
  #asking = false

  /** `live` tells the first page, or nothing where that has to be asked for too. */
  constructor(
    private readonly live: () => Told<Row> | null,
    private readonly ask: (after?: number) => Promise<Told<Row>>,
  ) {
    retried(() => this.renew(), () => this.#failures)
  }

  get #isFirst(): boolean {
    return !this.#passed.length
  }

  get shown(): Told<Row> {
    return (this.#isFirst ? this.live() : null) ?? this.#asked ?? NOTHING
  }

  /** Which rows these are, where there are others. */
  get place(): string {
    const { count, rows, next } = this.shown
    const first = this.#passed.at(-1)?.rows ?? 0
    if (this.#isFirst && !next) return ''
    return `${(first + 1).toLocaleString()} to ${(first + rows.length).toLocaleString()} of ${count.toLocaleString()}`
  }

  get hasEarlier(): boolean {
    return !this.#isFirst
  }

  get hasLater(): boolean {
    return typeof this.shown.next === 'number'
  }

  later(): void {
    const { next, rows } = this.shown
    if (typeof next !== 'number') return
    this.#turn([...this.#passed, { after: next, rows: (this.#passed.at(-1)?.rows ?? 0) + rows.length }])
  }

  earlier(): void {
    this.#turn(this.#passed.slice(0, -1))
  }

  /** Reads the page again, unless it is told by itself. */
  async renew(): Promise<void> {
    const at = this.#wanted
    if (!at.length && this.live()) this.#passed = at
    if (this.#asking || (!at.length && this.live())) return
    this.#asking = true
    try {
      const told = await this.ask(at.at(-1)?.after)
      ;[this.failed, this.#failures] = ['', 0]
      // Somebody may have turned the page meanwhile.
      if (at === this.#wanted) [this.#passed, this.#asked] = [at, told]
    } catch (error) {
      ;[this.failed, this.#failures] = missed(error, this.#failures)
    } finally {
      this.#asking = false
    }
    if (at !== this.#wanted) return this.renew()
    // All rows of it have ended: the page before is the last one now.
    if (!this.#isFirst && !this.shown.rows.length) this.earlier()
  }

  #turn(wanted: Passed): void {
    this.#wanted = wanted
    void this.renew()
  }
}
