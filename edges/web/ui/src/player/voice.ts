// One of the two elements that take turns: what it plays, and how loud that is.
import { refused, said, type OneTrack, type Track } from '../api/client'
import { firstByte } from '../api/first'

export type Loudness = 'off' | 'track' | 'album'

/** What can be done about an element that failed: it is tried once more, or gets another form, or nothing but to say why. */
export type Fault = 'again' | 'form' | { why: string }

export class Voice {
  readonly element = new Audio()
  gain: GainNode | null = null
  track: Track | null = null
  /** What its tags say of how loud its track is; undefined while nobody knows. */
  loudness: OneTrack['gain']
  known: Promise<void> = Promise.resolve()
  address = ''
  /** Where it was when it was tried once more, though the server had it. */
  #retried = ''
  /** Ends what is asked for the sake of what it has, once it is to have or to do something else. */
  #stop = new AbortController()

  /** It has what lies there. What it had already it keeps, but an element that failed does nothing until it is given its source anew. */
  bring(address: string, at_s: number): void {
    if (!this.element.error && this.address === address) return
    this.#stop.abort()
    this.address = this.element.src = address
    this.element.currentTime = at_s
  }

  rest(): void {
    this.#stop.abort()
    this.element.pause()
  }

  /** What can be done about its failure, which an element does not tell: the server is asked, and says perhaps why that has to wait. */
  async fault(waits: (why: string) => void): Promise<Fault> {
    this.#stop.abort()
    const { signal } = (this.#stop = new AbortController())
    const answer = await firstByte(this.address, signal, waits)
    if (!answer.ok) {
      const why = said(await refused(answer))
      signal.throwIfAborted()
      return { why }
    }
    void answer.body?.cancel()
    // A sign-in may have been renewed, the server may be back or have room by now.
    const place = `${this.address}@${Math.floor(this.element.currentTime)}`
    if (this.#retried !== place) {
      this.#retried = place
      return 'again'
    }
    const { code = 0 } = this.element.error ?? {}
    return code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED || code === MediaError.MEDIA_ERR_DECODE ? 'form' : { why: 'its bytes do not come' }
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
