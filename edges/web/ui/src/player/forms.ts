// In which form a track is played: its file as it is, made smaller, or made into what every browser plays where this one cannot
// play the file.
import { ROOT, type Track } from '../api/client'
import { session } from '../api/session.svelte'

/** The file as it is, or made smaller: thousands of bits per second. */
export type Quality = 'original' | '320' | '192' | '96'

/** The addresses from which a track may be played, the wanted one first. */
function addresses({ id }: Track, quality: Quality): [string, ...string[]] {
  const file = `${ROOT}/tracks/${id}/audio`
  const made = (kbps: Exclude<Quality, 'original'>) => `${ROOT}/media/${id}/audio.mp3?bitrate=${kbps}k`
  if (!session.user?.rights.transform) return [file]
  return quality === 'original' ? [file, made('320')] : [made(quality)]
}

/** What did not play here of each track, which is forgotten when nobody holds the track any more. */
const failures = new WeakMap<Track, Set<string>>()
const works = (track: Track, address: string) => !failures.get(track)?.has(address)

/** From where a track is played. One of which nothing played is asked for all the same: somebody wants to try it again. */
export function addressOf(track: Track, quality: Quality): string {
  const [first, ...others] = addresses(track, quality)
  return [first, ...others].find((address) => works(track, address)) ?? others.at(-1) ?? first
}

/** Whether there is a form that has not failed here. */
export const isPlayable = (track: Track, quality: Quality): boolean => addresses(track, quality).some((address) => works(track, address))

/** Whether this stands in for another form, which failed. */
export const isStandIn = (track: Track, address: string): boolean => works(track, address) && failures.has(track)

/** It did not play from there. */
export function giveUp(track: Track, address: string): void {
  failures.set(track, (failures.get(track) ?? new Set()).add(address))
}
