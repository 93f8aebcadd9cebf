// A list of the library that plays. Of a long one a part is held, and more is read while it plays.
import type { Track } from '../api/client'
import type { Read } from '../library/pages.svelte'
import { player } from './player.svelte'

/** So many tracks are read at once, which is as many as the server gives. A list that is no longer is held whole. */
const ROWS = 500

/** Plays a list of so many tracks, from one of them on. */
export async function playList(read: Read<Track>, index: number, total: number): Promise<void> {
  const first = total <= ROWS ? 0 : index
  let at: number | null = first
  const more = async (): Promise<Track[]> => {
    const rows: Track[] = []
    let from = at
    while (from !== null && rows.length < ROWS) {
      const part = await read(from, ROWS - rows.length)
      rows.push(...part.rows)
      from = part.next ? from + part.rows.length : null
    }
    // Only now: if one of the reads fails, all of them are done again.
    at = from
    return rows
  }
  player.play(await more(), index - first, more)
}
