// What plays and where, kept on the server: one goes on with it in another browser, or in a Subsonic app.
import { api, asked, type Track } from '../api/client'
import { queueTracks } from '../library/reads'
import type { Loudness, Quality, Repeat } from './player.svelte'
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
export async function keepQueue({ tracks, current, position_s }: Place): Promise<string | null> {
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
