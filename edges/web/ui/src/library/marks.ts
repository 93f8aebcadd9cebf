// Stars and ratings, as they are given and taken here, and as the server tells of them.
import { SvelteMap } from 'svelte/reactivity'
import { api, asked } from '../api/client'

export interface Marked {
  id: string
  starred?: string | null
  rating: number
}

interface Mark<Value> {
  value: Value
  /** What the server knows. */
  kept: Value
  /** Since when it knows the value; it may be told another one that was given elsewhere after that. */
  since: number
}

/** One kind of mark. Wherever a song is shown, it has the mark that was given last, whatever its row said when it was read. */
class Marks<Value> {
  #given = new SvelteMap<string, Mark<Value>>()
  #line: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly read: (row: Marked) => Value,
    private readonly send: (id: string, value: Value) => Promise<unknown>,
  ) {}

  of(row: Marked): Value {
    return this.#given.get(row.id)?.value ?? this.read(row)
  }

  /** Shown at once, and taken back if the server does not want it. One is sent behind the other, so that the last one stays. */
  async give(row: Marked, value: Value): Promise<void> {
    const { id } = row
    const mine = { value, kept: this.#given.get(id)?.kept ?? this.read(row), since: Infinity }
    this.#given.set(id, mine)
    const sent = this.#line.then(() => this.send(id, value))
    this.#line = sent.catch(() => {})
    try {
      await sent
      mine.since = performance.now()
      const last = this.#given.get(id)
      if (last) last.kept = value
    } catch (error) {
      if (this.#given.get(id) === mine) this.#given.set(id, { ...mine, value: mine.kept, since: 0 })
      throw error
    }
  }

  /** A row that was asked for after a mark was given here knows better. */
  hear(row: Marked, began: number): void {
    const known = this.#given.get(row.id)
    const value = this.read(row)
    if (known && known.since < began) this.#given.set(row.id, { value, kept: value, since: began })
  }

  forget(): void {
    this.#given.clear()
  }
}

const path = (id: string) => ({ params: { path: { id } } })

export const stars = new Marks(
  ({ starred }) => !!starred,
  (id, on) => asked<unknown>(on ? api.PUT('/stars/{id}', path(id)) : api.DELETE('/stars/{id}', path(id))),
)
/** From 1 to 5; 0 is none. */
export const ratings = new Marks(
  ({ rating }) => rating,
  (id, rating) => asked<unknown>(api.PUT('/ratings/{id}', { ...path(id), body: { rating } })),
)

/** Rates it, or takes its rating away if it has that one. */
export const rate = (row: Marked, rating: number): Promise<void> => ratings.give(row, rating === ratings.of(row) ? 0 : rating)

/** An answer with rows in it, whose marks are heard of. */
export async function heard<Answer>(answer: Promise<Answer>, rows: (answer: Answer) => Marked[]): Promise<Answer> {
  const began = performance.now()
  const told = await answer
  for (const row of rows(told)) [stars.hear(row, began), ratings.hear(row, began)]
  return told
}

/** Somebody else may sit down, whose marks are others. */
export const forgetMarks = (): void => [stars, ratings].forEach((marks) => marks.forget())
