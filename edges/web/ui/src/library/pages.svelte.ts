// A long list of which only the part around the window is held. What is far away is forgotten and read again when
// somebody comes back, so a hundred thousand rows take as much memory as a few hundred.
import { SvelteMap } from 'svelte/reactivity'
import { said } from '../api/client'

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
  #pages = new SvelteMap<number, T[]>()
  #asked = new Set<number>()
  #read: Read<T>
  #exact: boolean

  constructor(read: Read<T>, total?: number) {
    this.#read = read
    this.#exact = total !== undefined
    this.total = total ?? 0
    void this.want(0, 0)
  }

  /** There are at least so many rows: a list is scrolled to what was not read yet. */
  reach(rows: number): void {
    this.total = Math.max(this.total, rows)
  }

  at(index: number): T | undefined {
    return this.#pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS]
  }

  /** Sees to it that these rows are there, or come. */
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
    for (const [page, rows] of this.#pages) this.#pages.set(page, rows.map(what))
  }

  async #load(page: number): Promise<void> {
    if (this.#pages.has(page) || this.#asked.has(page)) return
    this.#asked.add(page)
    try {
      const start = page * PAGE_ROWS
      const rows: T[] = []
      let next: string | null | undefined
      do {
        // A page of long rows may be shorter than what was asked for.
        const part = await this.#read(start + rows.length, PAGE_ROWS - rows.length)
        rows.push(...part.rows)
        next = part.next
      } while (next && rows.length < PAGE_ROWS)
      this.#pages.set(page, rows)
      const seen = start + rows.length
      if (!next) this.total = page === 0 || rows.length ? seen : this.total
      else if (!this.#exact) this.total = Math.max(this.total, seen + PAGE_ROWS)
      this.failed = null
    } catch (error) {
      this.failed = said(error)
    } finally {
      this.#asked.delete(page)
      this.ready = true
    }
  }
}
