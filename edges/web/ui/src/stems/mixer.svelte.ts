// A mixer over one file in which every stem has two channels: one element plays, so that all are in step to the sample, and no
// song is ever decoded into memory.

import { reach } from '../api/client'
import { live } from '../api/live.svelte'
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
  failed = $state('')
  #element = new Audio()
  #context: AudioContext | null = null
  #gains: GainNode[] = []
  #panners: StereoPannerNode[] = []
  #stop = new AbortController()

  constructor(names: string[], address: string, seconds: number) {
    this.strips = names.map((name) => ({ name, level: 1, muted: false, solo: false, position: 0 }))
    this.duration = seconds
    const element = this.#element
    element.preload = 'metadata'
    element.src = address
    element.addEventListener('playing', () => ([this.playing, this.waiting] = [true, false]))
    element.addEventListener('pause', () => (this.playing = false))
    element.addEventListener('waiting', () => (this.waiting = true))
    element.addEventListener('ended', () => (this.playing = false))
    element.addEventListener('timeupdate', () => (this.position = element.currentTime))
    element.addEventListener('error', () => void this.#broke(address).catch(() => {}))
  }

  /** A server that was away goes on where it was. */
  async #broke(address: string): Promise<void> {
    const { signal } = this.#stop
    const answer = await reach(address, { method: 'HEAD', signal }).catch(() => null)
    signal.throwIfAborted()
    if (answer) {
      this.failed = answer.ok ? 'the stems do not play in this browser; download them' : `the server answered with ${answer.status}`
      return
    }
    this.failed = 'the server cannot be reached; the mix goes on when it is back'
    await live.back(signal)
    this.failed = ''
    const [at, goesOn] = [this.position, !this.#element.paused]
    this.#element.src = address
    this.#element.currentTime = at
    if (goesOn) await this.#element.play().catch(() => {})
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
    const out = context.createGain()
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

  /** What the strips say goes to the sound, without a click. */
  set(): void {
    const context = this.#context
    if (!context) return
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
    if (!this.#element.paused) return this.rest()
    takeTurn(this)
    this.waiting = true
    await this.#element.play().catch(() => {})
    this.waiting = false
  }

  /** Another one begins. */
  rest(): void {
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
