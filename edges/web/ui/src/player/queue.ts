// Queues: their order, the one that is not shuffled, and how those of long lists go on.
import type { Track } from '../api/client'

/** Before the last so many tracks of what is held of a long list, more of it is read. */
const AHEAD_TRACKS = 10

/** So many tracks of a long queue are kept, half of them before the one that plays. */
const KEPT_TRACKS_MAX = 500

/** A track of a queue. It carries its place in the order that is not shuffled, so that there is no second list to keep. */
export interface Entry {
  track: Track
  place: number
}

/** Tracks in their own order, which begins at a place. */
export const entries = (tracks: Track[], first = 0): Entry[] => tracks.map((track, at) => ({ track, place: first + at }))

/** A queue whose own order is the one that it has now. */
export const settle = (queue: Entry[]): Entry[] => queue.map(({ track }, place) => ({ track, place }))

/** The same entries in the order that is not shuffled. */
export const unshuffled = (queue: Entry[]): Entry[] => queue.toSorted((one, other) => one.place - other.place)

/** What is long past in a queue: so many tracks are in front of those that are kept. */
export const past = (index: number): number => Math.max(0, index - KEPT_TRACKS_MAX / 2)

/** The entries behind the one at this index, in their order, and from the first one on again where it goes round. */
export const behind = (queue: Entry[], index: number, isRound: boolean): Entry[] => [...queue.slice(index + 1), ...(isRound ? queue.slice(0, index) : [])]

/** What is remembered of a queue: what is around this index, which has another one there. */
export function around(queue: Entry[], index: number): { queue: Entry[]; index: number } {
  const from = past(index)
  return { queue: queue.slice(from, from + KEPT_TRACKS_MAX), index: index - from }
}

/** The place behind all of them. */
const end = (queue: Entry[]): number => queue.reduce((most, { place }) => Math.max(most, place + 1), 0)

/** Tracks behind the entry at this index, which they are behind in both orders. */
export function insert(queue: Entry[], index: number, tracks: Track[]): Entry[] {
  const first = (queue[index]?.place ?? -1) + 1
  const apart = queue.map((entry) => (entry.place < first ? entry : { ...entry, place: entry.place + tracks.length }))
  return apart.toSpliced(index + 1, 0, ...entries(tracks, first))
}

/** Tracks at the end of both orders; where the queue is shuffled, they are so among themselves. */
export function append(queue: Entry[], tracks: Track[], shuffle = false): Entry[] {
  const last = entries(tracks, end(queue))
  return [...queue, ...(shuffle ? mixed(last) : last)]
}

/** A queue from elsewhere, where places are not known: its tracks have those of here, and others follow the one in front. */
export function recalled(tracks: Track[], here: Entry[]): Entry[] {
  const places = new Map<string, number[]>()
  for (const { track, place } of here) places.set(track.id, [...(places.get(track.id) ?? []), place])
  let place = -1
  const queue = tracks.map((track) => ({ track, place: (place = places.get(track.id)?.shift() ?? place) }))
  unshuffled(queue).forEach((entry, at) => (entry.place = at))
  return queue
}

/** The same entries in an order that nobody knows, behind the one that plays. */
export const shuffled = (queue: Entry[], first: Entry): Entry[] => [first, ...mixed(queue.filter((entry) => entry !== first))]

function mixed(queue: Entry[]): Entry[] {
  const rest = [...queue]
  for (let at = rest.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    ;[rest[at], rest[other]] = [rest[other] as Entry, rest[at] as Entry]
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
