// Queues: their order, and how those of long lists go on.
import type { Track } from '../api/client'

/** Before the last so many tracks of what is held of a long list, more of it is read. */
const AHEAD_TRACKS = 10

/** The same tracks in an order that nobody knows. */
export function mixed(tracks: Track[]): Track[] {
  const rest = [...tracks]
  for (let at = rest.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    ;[rest[at], rest[other]] = [rest[other] as Track, rest[at] as Track]
  }
  return rest
}

/** What comes behind the part of a list that is held; `more` gives it part by part, and nothing in the end. */
export class Rest {
  #asked = false
  readonly #more: () => Promise<Track[]>

  constructor(more: () => Promise<Track[]>) {
    this.#more = more
  }

  /** The next part, when so few tracks are left that it is wanted. What does not come is asked for again later. */
  async next(left: number): Promise<Track[]> {
    if (this.#asked || left > AHEAD_TRACKS) return []
    this.#asked = true
    const tracks = await this.#more().catch(() => null)
    this.#asked = tracks?.length === 0
    return tracks ?? []
  }
}
