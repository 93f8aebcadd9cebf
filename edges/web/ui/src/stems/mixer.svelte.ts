// A mixer over one file in which every stem has two channels: one element plays, so that all are in step to the sample, and no
// song is ever decoded into memory.

import { refused, said } from '../api/client'
import { firstByte } from '../api/first'
import { player } from '../player/player.svelte'
import { leaveTurn, takeTurn } from '../player/turn'

export interface Strip {
  name: string
  level: number
  muted: boolean
  solo: boolean
  /** From -1, left, to 1, right. */
  position: number
}

const GLIDE_S = 0.02

export class Mixer {
  strips = $state<Strip[]>([])
  playing = $state(false)
  waiting = $state(false)
  position = $state(0)
  duration = $state(0)
  /** Why it does not go on now, and does by itself later. */
  waits = $state('')
  /** Why it does not go on before somebody tries again. */
  failed = $state('')
  /** Where it was when it was asked for once more, though the server had it. */
  #retried: number | null = null
  /** Whether a sound is wanted: an element that failed says of itself that it is paused. */
  #isDue = false
  #element = new Audio()
  #context: AudioContext | null = null
  #gains: GainNode[] = []
  #panners: StereoPannerNode[] = []
  #stop = new AbortController()

  constructor(
    names: string[],
    private readonly address: string,
    seconds: number,
  ) {
    this.strips = names.map((name) => ({ name, level: 1, muted: false, solo: false, position: 0 }))
    this.duration = seconds
    const element = this.#element
    element.preload = 'metadata'
    element.src = address
    element.addEventListener('playing', () => ([this.playing, this.waiting] = [true, false]))
    element.addEventListener('pause', () => (this.playing = this.#isDue = false))
    element.addEventListener('waiting', () => (this.waiting = true))
    element.addEventListener('ended', () => (this.playing = this.#isDue = false))
    element.addEventListener('timeupdate', () => (this.position = element.currentTime))
    element.addEventListener('error', () => void this.#broke().catch(() => {}))
  }

  /** The server is asked why; when it has room, or is back, the mix goes on where it was. */
  async #broke(): Promise<void> {
    const answer = await firstByte(this.address, this.#stop.signal, (why) => ([this.waits, this.#retried] = [why, null]))
    this.waits = ''
    if (!answer.ok) return void (this.failed = said(await refused(answer)))
    await answer.body?.cancel()
    const place = Math.floor(this.position)
    if (this.#retried === place) return void (this.failed = 'The stems do not play in this browser; download them')
    this.#retried = place
    await this.#goOn()
  }

  /** Somebody tries again. */
  async again(): Promise<void> {
    ;[this.failed, this.#retried] = ['', null]
    await this.#goOn()
  }

  async #goOn(): Promise<void> {
    const at = this.position
    this.#element.src = this.address
    this.#element.currentTime = at
    if (this.#isDue) await this.#element.play().catch(() => {})
  }

  /** For who listens to what goes out: the sum of all. */
  out: GainNode | null = null
  get context(): AudioContext | null {
    return this.#context
  }

  #wire(): void {
    if (this.#context) return
    const context = new AudioContext({ latencyHint: 'playback' })
    this.#context = context
    const source = context.createMediaElementSource(this.#element)
    const channels = 2 * this.strips.length
    const splitter = context.createChannelSplitter(channels)
    // From its first sample on: who has turned the sound off hears nothing.
    const out = new GainNode(context, { gain: player.level })
    this.out = out
    source.channelCount = channels
    source.connect(splitter)
    this.strips.forEach((_, at) => {
      const both = context.createChannelMerger(2)
      splitter.connect(both, 2 * at, 0)
      splitter.connect(both, 2 * at + 1, 1)
      const [gain, panner] = [context.createGain(), context.createStereoPanner()]
      both.connect(gain).connect(panner).connect(out)
      this.#gains[at] = gain
      this.#panners[at] = panner
    })
    out.connect(context.destination)
    this.set()
  }

  /** Somebody has done something with it, which is not to be lost. */
  get isUsed(): boolean {
    return this.playing || this.waiting || this.position > 0 || this.strips.some(({ level, muted, solo, position }) => level !== 1 || muted || solo || position)
  }

  /** What the strips say, and how loud everything is to be, goes to the sound, without a click. */
  set(): void {
    const context = this.#context
    if (!context) return
    this.out?.gain.setTargetAtTime(player.level, context.currentTime, GLIDE_S)
    const solo = this.strips.some((strip) => strip.solo)
    this.strips.forEach((strip, at) => {
      const heard = solo ? strip.solo : !strip.muted
      this.#gains[at]?.gain.setTargetAtTime(heard ? strip.level : 0, context.currentTime, GLIDE_S)
      this.#panners[at]?.pan.setTargetAtTime(strip.position, context.currentTime, GLIDE_S)
    })
  }

  async toggle(): Promise<void> {
    this.#wire()
    await this.#context?.resume()
    if (!this.#element.paused || (this.waits && this.#isDue)) return this.rest()
    takeTurn(this)
    this.waiting = this.#isDue = true
    await this.#element.play().catch(() => {})
    this.waiting = false
  }

  /** Another one begins. */
  rest(): void {
    this.#isDue = false
    this.#element.pause()
  }

  seek(seconds: number): void {
    this.#element.currentTime = seconds
    this.position = seconds
  }

  close(): void {
    leaveTurn(this)
    this.#stop.abort()
    this.#element.pause()
    this.#element.removeAttribute('src')
    this.#element.load()
    void this.#context?.close()
  }
}
