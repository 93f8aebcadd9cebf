// The lists of the library, as the pages of long lists want to read them.
import { api, asked, type Album, type Artist, type Letter, type Playlist, type Track } from '../api/client'
import { settled } from './line'
import type { Read } from './pages.svelte'
import { heard } from './marks'

type Order = 'newest' | 'name' | 'artist' | 'year' | 'starred' | 'highest' | 'frequent' | 'recent'

const at = (offset: number): string | undefined => (offset ? String(offset) : undefined)

export const albums =
  (order: Order, genre?: string): Read<Album> =>
  async (offset, limit) => {
    const query = { limit, after: at(offset), ...(genre ? { genre } : { order }) }
    const { albums, next } = await heard(asked(api.GET('/albums', { params: { query } })), (answer) => answer.albums)
    return { rows: albums, next }
  }

export const tracks =
  (q = ''): Read<Track> =>
  async (offset, limit) => {
    const { tracks, next } = await heard(asked(api.GET('/search/tracks', { params: { query: { q, limit, after: at(offset) } } })), (answer) => answer.tracks)
    return { rows: tracks, next }
  }

/** What a search finds first, of each kind. */
export const found = (query: { q: string; limit: number; after?: string }, signal?: AbortSignal) =>
  heard(asked(api.GET('/search', { params: { query }, signal })), ({ artists, albums, tracks }) => [...artists, ...albums, ...tracks])

/** All that a search finds of one kind. A part may be short, so only one that is empty is known to be behind the last. */
export const foundOf =
  <Kind extends 'artists' | 'albums'>(kind: Kind, q: string): Read<Awaited<ReturnType<typeof found>>[Kind][number]> =>
  async (offset, limit) => {
    const rows = (await found({ q, limit, after: at(offset) }))[kind]
    return { rows, next: rows.length ? 'more' : null }
  }

export const starred: Read<Track> = async (offset, limit) => {
  const { tracks, next } = await heard(asked(api.GET('/starred/tracks', { params: { query: { limit, after: at(offset) } } })), (answer) => answer.tracks)
  return { rows: tracks, next }
}

export async function artistLetters(): Promise<Letter[]> {
  return (await asked(api.GET('/artists/letters'))).letters
}

export async function albumLetters(order: 'name' | 'artist'): Promise<Letter[]> {
  return (await asked(api.GET('/albums/letters', { params: { query: { order } } }))).letters
}

interface Chained<Row> {
  read: Read<Row>
  /** The list is another one by now: these letters are where they are, and other places may be elsewhere. */
  know: (letters: Letter[]) => void
}

/** A list that goes on behind a row: the place behind each part that was read is remembered, and so is that of a letter. */
function chained<Row>(part: (query: { limit: number; after?: string }) => Promise<{ rows: Row[]; next?: string | null }>): Chained<Row> {
  let places = new Map<number, string>([[0, '']])
  const know = (letters: Letter[]) => void (places = new Map([[0, ''], ...letters.map(({ offset, after }) => [offset, after ?? ''] as const)]))
  const read: Read<Row> = async (offset, limit) => {
    // What is read now is not put among the places of another library.
    const mine = places
    const known = [...mine.keys()].filter((place) => place <= offset)
    let [from, rows, next] = [Math.max(0, ...known), [] as Row[], '' as string | null]
    while (from + rows.length < offset + limit && next !== null) {
      const found = await part({ limit, after: mine.get(from + rows.length) || undefined })
      rows = rows.concat(found.rows)
      next = found.next ?? null
      if (next) mine.set(from + rows.length, next)
    }
    return { rows: rows.slice(offset - from, offset - from + limit), next: from + rows.length > offset + limit ? 'more' : next }
  }
  return { read, know }
}

export const artists = () =>
  chained<Artist>(async (query) => {
    const { artists, next } = await heard(asked(api.GET('/artists', { params: { query } })), (answer) => answer.artists)
    return { rows: artists, next }
  })

export const artistAlbums = (id: string) =>
  chained<Album>(async (query) => {
    const { albums, next } = await heard(asked(api.GET('/artists/{id}/albums', { params: { path: { id }, query } })), (answer) => answer.albums)
    return { rows: albums, next }
  })

export const playlists = () =>
  chained<Playlist>(async (query) => {
    const { playlists, next } = await asked(api.GET('/playlists', { params: { query } }))
    return { rows: playlists, next }
  })

/** All tracks of an album; the longest boxes have some hundred. */
export async function albumTracks(id: string): Promise<Track[]> {
  return all((after) => asked(api.GET('/albums/{id}/tracks', { params: { path: { id }, query: { limit: 500, after } } })))
}

/** Behind what is done to playlists, so that the rows are those that it left. */
export const playlistTracks =
  (id: string): Read<Track> =>
  async (offset, limit) => {
    const params = { path: { id }, query: { limit, after: at(offset) } }
    await settled()
    const { tracks, next } = await heard(asked(api.GET('/playlists/{id}/tracks', { params })), (answer) => answer.tracks)
    return { rows: tracks, next }
  }

export async function queueTracks(): Promise<Track[]> {
  return all((after) => asked(api.GET('/me/queue/tracks', { params: { query: { limit: 500, after } } })))
}

async function all(read: (after?: string) => Promise<{ tracks: Track[]; next?: string | null }>): Promise<Track[]> {
  const found: Track[] = []
  let after: string | undefined
  do {
    const { tracks, next } = await heard(read(after), (answer) => answer.tracks)
    found.push(...tracks)
    after = next ?? undefined
  } while (after)
  return found
}
