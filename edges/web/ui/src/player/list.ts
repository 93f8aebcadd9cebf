// A list of the library that plays. Of a long one a part is held, and more is read while it plays.
import type { Album, Track } from '../api/client'
import type { Read } from '../library/pages.svelte'
import { albumTracks } from '../library/reads'
import { player } from './player.svelte'

/** So many tracks are read at once, which is as many as the server gives. A list that is no longer is held whole. */
const ROWS = 500
/** So many albums, each of which is asked for its tracks. */
const ALBUMS = 10

/** Plays an album. */
export const playAlbum = (id: string): Promise<void> => player.play(albumTracks(id))

/** Plays a list of so many tracks, from one of them on. */
export function playList(read: Read<Track>, index: number, total: number): Promise<void> {
  const first = total <= ROWS ? 0 : index
  const more = parts(read, first, ROWS, async (tracks) => tracks)
  return player.play(more(), index - first, more)
}

/** Plays all tracks of a list of albums. */
export function playAlbums(read: Read<Album>): Promise<void> {
  const more = parts(read, 0, ALBUMS, async (albums) => {
    const tracks: Track[] = []
    for (const { id } of albums) tracks.push(...(await albumTracks(id)))
    return tracks
  })
  return player.play(more(), 0, more)
}

/** Gives one part of a list after the other, as tracks; none are its end. */
function parts<Row>(read: Read<Row>, first: number, most: number, tracks: (rows: Row[]) => Promise<Track[]>): () => Promise<Track[]> {
  let at: number | null = first
  return async () => {
    const found: Track[] = []
    let from = at
    while (from !== null && found.length < ROWS) {
      const { rows, next } = await read(from, Math.min(most, ROWS - found.length))
      found.push(...(await tracks(rows)))
      from = next ? from + rows.length : null
    }
    // Only now: if one of the reads fails, all of them are done again.
    at = from
    return found
  }
}
