// Stars, as they are given and taken here, and as the server tells of them.
import { SvelteMap } from 'svelte/reactivity'
import { api, asked } from '../api/client'

interface Starred {
  id: string
  starred?: string | null
}

/** Stars that were given and taken here, which rows that were read before do not know, and since when the server knows them. */
const stars = new SvelteMap<string, { on: boolean; since: number }>()

export const hasStar = ({ id, starred }: Starred): boolean => stars.get(id)?.on ?? !!starred

/** Shown at once, and taken back if the server does not want it. */
export async function star(id: string, on: boolean): Promise<void> {
  const params = { path: { id } }
  const mine = { on, since: Infinity }
  stars.set(id, mine)
  try {
    await asked(on ? api.PUT('/stars/{id}', { params }) : api.DELETE('/stars/{id}', { params }))
    mine.since = performance.now()
  } catch (error) {
    if (stars.get(id) === mine) stars.set(id, { on: !on, since: 0 })
    throw error
  }
}

/** An answer that was asked for after a star was given or taken here knows better, for somebody may have changed it elsewhere. */
export async function heard<Answer>(answer: Promise<Answer>, rows: (answer: Answer) => Starred[]): Promise<Answer> {
  const began = performance.now()
  const told = await answer
  for (const { id, starred } of rows(told)) {
    const known = stars.get(id)
    if (known && known.since < began) stars.set(id, { on: !!starred, since: began })
  }
  return told
}

/** Somebody else may sit down, whose stars are others. */
export const forgetStars = (): void => stars.clear()
