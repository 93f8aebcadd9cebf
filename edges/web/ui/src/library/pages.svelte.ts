// A long list of which only the part around the window is held. What is far away is forgotten and read again when
// somebody comes back, so a hundred thousand rows take as much memory as a few hundred.
import { SvelteMap } from 'svelte/reactivity'
import { missed } from './reading.svelte'

/** Rows that are asked for at once. */
export const PAGE_ROWS = 100
/** Pages that are held. */
const PAGES_MAX = 8

export interface Part<T> {
  rows: T[]
  /** Where the list goes on; null is the end. */
  next: string | null | undefined
}

export type Read<T> = (offset: number, limit: number) => Promise<Part<T>>

export class Pages<T> {
  /** How many rows there are, as far as it is known; it grows until the end was seen. */
  total = $state(0)
  /** Whether the first page has come. */
  ready = $state(false)
  failed = $state<string | null>(null)
  /** How often it failed in a row, of what may come later. */
  failures = $state(0)
  /** Grows when rows that are shown are not held any more, and are to be asked for again. */
  lacking = $state(0)
  #pages = new SvelteMap<number, (T | undefined)[]>()
  /** Pages that are asked for. */
  #coming = new Map<number, Promise<void>>()
  /** Pages that are held, but not whole. */
  #holed = new Set<number>()
  /** Pages that are held, but may be others by now. */
  #stale = new Set<number>()
  /** Grows with each change that was made here, so that what was read before it is not taken for what is. */
  #age = 0
  /** Grows whenever all may be another: what was read before it is shown, and read once more. */
  #renewals = 0
  #read: Read<T>
  #exact: boolean

  constructor(read: Read<T>, total?: number) {
    this.#read = read
    this.#exact = total !== undefined
    this.total = total ?? 0
    void this.want(0, 0)
  }

  /** There are at least so many rows, unless it is known how many there are: a list is scrolled to what was not read yet. */
  reach(rows: number): void {
    if (!this.#exact) this.total = Math.max(this.total, rows)
  }

  at(index: number): T | undefined {
    return this.#pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS]
  }

  /** Whether another row may be at this place by now: nothing is to be done to what is shown there. */
  isStale(index: number): boolean {
    return this.#stale.has(Math.floor(index / PAGE_ROWS))
  }

  /** Sees to it that these rows are there. */
  async want(first: number, last: number): Promise<void> {
    const [from, to] = [Math.floor(first / PAGE_ROWS), Math.floor(Math.max(first, last) / PAGE_ROWS)]
    const wanted = Array.from({ length: to - from + 1 }, (_, at) => from + at)
    await Promise.all(wanted.map((page) => this.#load(page)))
    if (this.#pages.size > PAGES_MAX) {
      const far = [...this.#pages.keys()].sort((a, b) => Math.abs(b - from) - Math.abs(a - from))
      far.slice(0, this.#pages.size - PAGES_MAX).forEach((page) => this.#pages.delete(page))
    }
  }

  /** The rows that are held change without being read again. */
  change(what: (row: T) => T): void {
    for (const [page, rows] of this.#pages) this.#pages.set(page, rows.map((row) => row && what(row)))
  }

  /** A row goes elsewhere, and those between move up. */
  move(from: number, to: number): void {
    const [row, step] = [this.at(from), from < to ? 1 : -1]
    this.#remake(Math.min(from, to), Math.max(from, to), (index) => (index === to ? row : this.#sure(index + step)))
  }

  /** A row goes. */
  remove(at: number): void {
    this.total -= 1
    this.#remake(at, Infinity, (index) => this.#sure(index + 1))
  }

  /** Everything may be another by now: it is read again, and shown until that comes. */
  renew(total = this.total): void {
    this.total = total
    this.#renewals++
    for (const page of this.#pages.keys()) this.#stale.add(page)
    this.lacking++
    // Nothing asks for rows of a list of which nothing has come, or that had none.
    if (!this.#pages.size || !this.total) void this.want(0, 0)
  }

  #sure(index: number): T | undefined {
    return this.isStale(index) ? undefined : this.at(index)
  }

  /** Rows of these places come from elsewhere; those that are not held are asked for again. */
  #remake(first: number, last: number, from: (index: number) => T | undefined): void {
    this.#age++
    const remade = [...this.#pages].map(([page, rows]) => {
      const start = page * PAGE_ROWS
      const next = rows.map((row, at) => (start + at < first || start + at > last ? row : from(start + at)))
      return [page, next.slice(0, Math.max(0, this.total - start))] as const
    })
    for (const [page, rows] of remade) {
      this.#pages.set(page, rows)
      if (rows.includes(undefined)) this.#holed.add(page)
    }
    this.lacking++
  }

  async #load(page: number): Promise<void> {
    if (this.#pages.has(page) && !this.#stale.has(page) && !this.#holed.has(page)) return
    const coming = this.#coming.get(page) ?? this.#fetch(page).finally(() => this.#coming.delete(page))
    this.#coming.set(page, coming)
    await coming
  }

  async #fetch(page: number): Promise<void> {
    try {
      const start = page * PAGE_ROWS
      let part: Part<T>
      let age: number
      let renewals: number
      do {
        ;[age, renewals] = [this.#age, this.#renewals]
        part = await this.#whole(start)
      } while (age !== this.#age)
      const { rows, next } = part
      this.#pages.set(page, rows)
      this.#holed.delete(page)
      // Of a library that changes faster than it is read, every answer is shown.
      if (renewals === this.#renewals) this.#stale.delete(page)
      else this.lacking++
      const seen = start + rows.length
      // Behind the end there is nothing, which is all that is known of it then.
      if (!next) this.total = page === 0 || rows.length ? seen : Math.min(this.total, seen)
      else if (!this.#exact) this.total = Math.max(this.total, seen + PAGE_ROWS)
      ;[this.failed, this.failures] = [null, 0]
    } catch (error) {
      ;[this.failed, this.failures] = missed(error, this.failures)
    } finally {
      this.ready = true
    }
  }

  /** A whole page: one of long rows may come in parts. */
  async #whole(start: number): Promise<Part<T>> {
    const rows: T[] = []
    let next: string | null | undefined
    do {
      const part = await this.#read(start + rows.length, PAGE_ROWS - rows.length)
      rows.push(...part.rows)
      next = part.next
    } while (next && rows.length < PAGE_ROWS)
    return { rows, next }
  }
}
