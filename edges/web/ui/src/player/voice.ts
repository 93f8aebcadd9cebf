// One of the two elements that take turns: what it plays, and how loud that is.
import type { OneTrack, Track } from '../api/client'

export type Loudness = 'off' | 'track' | 'album'

export class Voice {
  readonly element = new Audio()
  gain: GainNode | null = null
  track: Track | null = null
  /** What its tags say of how loud its track is; undefined while nobody knows. */
  loudness: OneTrack['gain']
  known: Promise<void> = Promise.resolve()

  /** It has what lies there. What it had already it keeps, but an element that failed does nothing until it is given its source anew. */
  bring(address: string, at_s: number): void {
    if (!this.element.error && this.element.src.endsWith(address)) return
    this.element.src = address
    this.element.currentTime = at_s
  }

  /** By how much its sound is multiplied, so that it is as loud as others. */
  level(by: Loudness): number {
    if (!this.loudness || by === 'off') return 1
    const { track_db, album_db, track_peak, album_peak } = this.loudness
    const album = by === 'album' && album_db !== null && album_db !== undefined
    const [db, peak] = album ? [album_db, album_peak] : [track_db ?? album_db, track_peak ?? album_peak]
    // Nothing is made so loud that it would be cut.
    return typeof db === 'number' ? Math.min(10 ** (db / 20), peak ? 1 / peak : 1) : 1
  }
}
