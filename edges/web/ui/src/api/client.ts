// The client of our own API, with the types of its own description, and errors in the server's own words.
import createClient from 'openapi-fetch'
import type { components, paths } from './schema'

type Schemas = components['schemas']
export type Track = Schemas['TrackAnswer']
export type OneTrack = Schemas['OneTrackAnswer']
export type Album = Schemas['AlbumAnswer']
export type Artist = Schemas['ArtistAnswer']
export type Genre = Schemas['GenreAnswer']
export type Library = Schemas['LibraryAnswer']
export type Playlist = Schemas['PlaylistAnswer']
export type OnePlaylist = Schemas['OnePlaylistAnswer']
export type SongsChange = Schemas['SongsForm']
export type Video = Schemas['VideoAnswer']
export type OneVideo = Schemas['OneVideoAnswer']
export type Cache = Schemas['CacheAnswer']
export type User = Schemas['UserAnswer']
export type Lyrics = Schemas['TextAnswer']
export type StemSet = Schemas['StemsAnswer']
export type ServerState = Schemas['ServerAnswer']
export type Moment = Schemas['MomentAnswer']
export type Credential = Schemas['CredentialAnswer']
export type UnderWay = Schemas['UnderWayAnswer']
export type OpenJob = Schemas['OpenJobAnswer']
export type Ended = Schemas['EndedAnswer']
export type OneSession = Schemas['OneSessionAnswer']
export type Letter = Schemas['LetterAnswer']

/** The library of all instrumentals. It is given to nobody: who sees a song sees its instrumental. */
export const INSTRUMENTALS = -2

/** The path under which the server's routes lie: the page is at `ROOT/app/`. */
export const ROOT = new URL('..', document.baseURI).pathname.replace(/\/$/, '')

/** An address that the server names, as this page reaches it: the server may be known by another name, or under another prefix. */
export const here = (address: string): string => location.origin + ROOT + address.replace(/^.*(?=\/(?:media|tracks|uploads)\/)/, '')

/** By these a proxy says that it does not reach the server. When the server itself says so, it is in its own words. */
export const OF_PROXIES = new Set([502, 503, 504])

/** The server's answer. What something on the way answers in its place is none: nobody could be reached. */
export async function reach(address: RequestInfo | URL, wish?: RequestInit): Promise<Response> {
  const answer = await fetch(address, wish)
  if (OF_PROXIES.has(answer.status) && !hasWords(await answer.clone().json().catch(() => null))) throw new TypeError(`a proxy answered with ${answer.status}`)
  return answer
}

/** Whether these are words of the server. */
export function hasWords(body: unknown): boolean {
  const { error, detail } = (body ?? {}) as { error?: { message?: string }; detail?: string }
  return !!(error?.message ?? detail)
}

export const api = createClient<paths>({ baseUrl: ROOT || location.origin, credentials: 'same-origin', fetch: reach })

/** The server said no, and why. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null,
  ) {
    super(message)
  }
}

/** What is wrong, and what to do about it, where an answer has no words of its own: one to HEAD, or of something on the way. */
const WITHOUT_WORDS: Record<number, [message: string, hint: string]> = {
  401: ['nobody is signed in any more', 'sign in again'],
  403: ['you may not have this', 'ask an admin for the right to it'],
  404: ['it is not there any more', 'it may have been removed, or made anew'],
  410: ['it is not there any more', 'it may have been removed, or made anew'],
  413: ['it is larger than the server takes', 'send less at once'],
  429: ['you ask for more at once than you may', 'try again in a moment'],
  503: ['the server has no room for it now', 'try again in a moment'],
  507: ['the disk of the server has no room for it', 'an admin can make some'],
}
const BROKEN: [string, string] = ['something broke in the server', 'try again; its log says what it was']
const REFUSED: [string, string] = ['the server did not take what was asked', 'load the page again']

/** What an answer says of an error; also those of the upload protocols, which are plain sentences. `after_s`: its `Retry-After`. */
export function refusal(status: number, body: unknown, after_s?: string | null): Refused {
  const wait = Number(after_s) > 0 ? `try again in ${after_s} s` : null
  const words = (body as { error?: { code?: string; message?: string; hint?: string } } | null)?.error
  if (words?.message) return new Refused(status, words.code ?? '', words.message, words.hint ?? wait)
  const detail = (body as { detail?: string; title?: string } | null) ?? {}
  const text = typeof body === 'string' ? body.trim() : (detail.detail ?? detail.title)
  if (text) return new Refused(status, '', text, wait)
  const [message, hint] = WITHOUT_WORDS[status] ?? (status >= 500 ? BROKEN : REFUSED)
  return new Refused(status, '', message, wait ?? hint)
}

/** Why an answer that is an error is one. */
export async function refused(answer: Response): Promise<Refused> {
  return refusal(answer.status, await answer.json().catch(() => null), answer.headers.get('Retry-After'))
}

/** Beside those of a server that fails: nobody answered, nobody is signed in, or another thing is in the way. */
const LATER = new Set([0, 401, 408, 409, 423, 425, 429])
/** Whether the same may be answered otherwise another time. */
export const mayComeLater = (error: unknown): boolean => !(error instanceof Refused) || LATER.has(error.status) || error.status >= 500

interface Answered<T> {
  data?: T
  error?: unknown
  response: Response
}

/** What was asked for, or the error that the server told. */
export async function asked<T>(answer: Promise<Answered<T>>): Promise<T> {
  let answered: Answered<T>
  try {
    answered = await answer
  } catch {
    throw new Refused(0, 'offline', 'the server cannot be reached', 'try again when it is back')
  }
  const { data, error, response } = answered
  if (!response.ok) throw refusal(response.status, error, response.headers.get('Retry-After'))
  return data as T
}

/** Statuses of a server that has no room now; beside them it says when to come again. */
const NO_ROOM = new Set([429, 503])
/** Less often than this nobody asks, unless the server wants it. */
const AGAIN_MS_MAX = 30_000

/** Asks until there is room, and hears each time why not, and when next: never before the server says, and less often each time. */
export async function fetchPatiently(address: string | Request, wish: RequestInit & { signal: AbortSignal }, waits: (why: Refused, after_s: number) => void = () => {}): Promise<Response> {
  for (let least_ms = 0; ; ) {
    const answer = await reach(address, wish)
    const told_ms = 1000 * Number(answer.headers.get('Retry-After'))
    if (!NO_ROOM.has(answer.status) || !(told_ms > 0)) return answer
    const after_ms = Math.max(told_ms, Math.min(AGAIN_MS_MAX, least_ms))
    // Nobody need do anything about it, so it is told without a time to do so.
    waits(refusal(answer.status, await answer.json().catch(() => null)), Math.ceil(after_ms / 1000))
    least_ms = 2 * after_ms
    await pause(after_ms, wish.signal)
  }
}

/** What makes a request of `api` wait until there is room for it. */
export const patiently = (signal: AbortSignal) => ({ signal, fetch: (request: Request) => fetchPatiently(request, { signal }) })

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const wait = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => (clearTimeout(wait), reject(signal.reason)), { once: true })
  })
}

/** One sentence for people. */
export function said(error: unknown): string {
  if (error instanceof Refused) return error.hint ? `${upper(error.message)}: ${error.hint}` : upper(error.message)
  return error instanceof Error ? upper(error.message) : 'Something went wrong'
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export const cover = (id: string, width: number): string =>
  `${ROOT}/${id.startsWith('al-') ? 'albums' : id.startsWith('ar-') ? 'artists' : 'tracks'}/${id}/cover?width=${width}`
