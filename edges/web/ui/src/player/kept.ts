// What plays and where, kept on the server: one goes on with it in another browser, or in a Subsonic app.
import { api, asked, type Track } from '../api/client'
import { session } from '../api/session.svelte'
import { queueTracks } from '../library/reads'
import type { Quality } from './forms'
import type { Loudness, Repeat } from './player.svelte'
import type { Entry } from './queue'

/** What this browser keeps by itself. */
export interface Kept {
  queue: Entry[]
  index: number
  position: number
  volume: number
  shuffle: boolean
  repeat: Repeat
  quality: Quality
  loudness: Loudness
  /** When the server kept the same. */
  shared: string | null
}

export interface Place {
  tracks: Track[]
  current: number
  position_s: number
}

const CLIENT = 'Millpond in a browser'

/** Says when it was kept; the answer to the same is null. Also of a page that is being left. */
async function keepQueue({ tracks, current, position_s }: Place): Promise<string | null> {
  const body = { tracks: tracks.map((track) => track.id), current: Math.max(0, current), position_ms: Math.round(position_s * 1000), client: CLIENT }
  const { changed } = await asked(api.PUT('/me/queue', { body, keepalive: true }))
  return changed ?? null
}

/** What was kept last, unless that was at this moment. */
export async function keptQueue(known: string | null): Promise<(Place & { changed: string }) | null> {
  const { current, position_ms, changed } = await asked(api.GET('/me/queue'))
  if (!changed || changed === known || current === null || current === undefined) return null
  return { tracks: await queueTracks(), current, position_s: position_ms / 1000, changed }
}

/** Tells the server what is here, some time after it has become another, and nothing if the server knows it. */
export class Sharing {
  /** When the server kept what this browser knows. */
  kept: string | null = null
  #told = ''
  #waiting: ReturnType<typeof setTimeout> | undefined
  #due = Infinity

  constructor(private readonly here: () => Place) {}

  /** The server has what is here now. */
  markKnown(): void {
    this.#told = text(this.here())
  }

  /** Tells it within this time. */
  within(ms: number): void {
    const due = Date.now() + ms
    if (due >= this.#due && ms > 0) return
    this.stop()
    this.#due = due
    if (ms === 0) void this.tell()
    else this.#waiting = setTimeout(() => void this.tell(), ms)
  }

  async tell(): Promise<void> {
    this.#due = Infinity
    const place = this.here()
    if (text(place) === this.#told || !session.user) return
    this.#told = text(place)
    // Nothing is lost when it does not come: this browser keeps it too.
    await keepQueue(place).then((changed) => (this.kept = changed), () => (this.#told = ''))
  }

  stop(): void {
    clearTimeout(this.#waiting)
    this.#due = Infinity
  }
}

const text = ({ tracks, current, position_s }: Place): string => `${tracks.map(({ id }) => id).join()} ${current} ${Math.round(position_s)}`
