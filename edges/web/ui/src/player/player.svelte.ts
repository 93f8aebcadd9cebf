// What plays: a queue, and two elements that take turns, so that the next track is there when the last one ends.
import { api, asked, type OneTrack, type Track } from '../api/client'
import { session } from '../api/session.svelte'
import { notices } from '../shell/notices.svelte'
import { addressOf, giveUp, isPlayable, isStandIn, type Quality } from './forms'
import { type Kept, keptQueue, Sharing } from './kept'
import { mediaKeys, tellMedia, tellPlace } from './media'
import { countPlay } from './plays'
import { append, around, behind, entries, type Entry, insert, past, recalled, Rest, settle, shuffled, unshuffled } from './queue'
import { takeTurn } from './turn'
import { type Loudness, Voice } from './voice'

export type Repeat = 'off' | 'all' | 'one'
export type { Loudness, Quality }

/** Before the end of a track the next one is fetched. */
const AHEAD_S = 20
/** A play counts after half of a track, and after four minutes of a long one, as scrobbling services have it. */
const COUNTS_AFTER_S = 240
/** What this browser keeps of each user. */
const kept = () => `millpond.player.${session.user?.id}`
/** Longer than this no track waits for its loudness; it plays as it is then. */
const LOUDNESS_MS_MAX = 2_000
const KEEP_EVERY_MS = 3_000
/** The server is told now and then while something plays, and soon after something else does. */
const SHARE_EVERY_MS = 30_000
const SHARE_SOON_MS = 1_000

class Player {
  queue = $state.raw<Entry[]>([])
  index = $state(-1)
  playing = $state(false)
  waiting = $state(false)
  position = $state(0)
  duration = $state(0)
  volume = $state(1)
  muted = $state(false)
  shuffle = $state(false)
  repeat = $state<Repeat>('off')
  quality = $state<Quality>('original')
  loudness = $state<Loudness>('track')

  #voices: Voice[] = []
  #now = 0
  #context: AudioContext | null = null
  /** A play that waits until it is known how loud it is. */
  #begins: object | null = null
  /** Whether a sound is wanted that has not begun: an element that fails before that says of itself that it is paused. */
  #isDue = false
  #counted = false
  #keptAt = 0
  /** What comes behind the queue, if it is a part of a long list. */
  #rest: Rest | null = null
  #sharing = new Sharing(() => {
    const { queue, index } = around(this.queue, this.index)
    return { tracks: queue.map(({ track }) => track), current: index, position_s: this.position }
  })
  /** What was chosen last, however long it takes to come. */
  #choice = {}

  get track(): Track | null {
    return this.queue[this.index]?.track ?? null
  }

  get #voice() {
    return this.#voices[this.#now]
  }

  /** How loud everything on the page is, from 0 to 1. */
  get level(): number {
    return this.muted ? 0 : this.volume
  }

  /** The sound as it goes to the loudspeaker, for who wants to look at it. */
  get context(): AudioContext | null {
    return this.#context
  }

  /** Somebody sits down, and goes on where he was: here, or in another browser if he was there later. */
  start(): void {
    if (!this.#voices.length) this.#build()
    this.#recall()
    void this.#recallFromServer()
  }

  /** He is about to go: the server is told where he is while he may tell it, and this browser remembers that it was. */
  async part(): Promise<void> {
    await this.#sharing.tell()
    this.#keep()
  }

  /** He goes, and takes with him what he listened to. */
  leave(): void {
    this.#sharing.stop()
    this.#choice = {}
    this.#hush()
    ;[this.queue, this.index, this.position, this.#rest] = [[], -1, 0, null]
    tellPlace(this)
  }

  #build(): void {
    this.#voices = [0, 1].map((number) => {
      const voice = new Voice()
      const { element } = voice
      const mine = () => this.#now === number
      element.addEventListener('timeupdate', () => mine() && this.#moved())
      element.addEventListener('durationchange', () => mine() && this.#lasts())
      element.addEventListener('playing', () => mine() && ([this.playing, this.waiting] = [true, false]))
      element.addEventListener('pause', () => mine() && ((this.playing = false), this.#sharing.within(0)))
      element.addEventListener('waiting', () => mine() && (this.waiting = true))
      element.addEventListener('ended', () => mine() && this.next(true))
      element.addEventListener('error', () => void this.#broke(voice))
      for (const event of ['playing', 'pause', 'waiting', 'seeked', 'durationchange']) element.addEventListener(event, () => mine() && tellPlace(this))
      return voice
    })
    mediaKeys(this)
    addEventListener('pagehide', () => (this.#keep(), this.#sharing.within(0)))
  }

  /**
   * Plays these, beginning with one of them, unless something else is chosen before they come; `more` gives what comes behind them,
   * a part at a time, and nothing in the end.
   */
  async play(tracks: Track[] | Promise<Track[]>, at = 0, more?: () => Promise<Track[]>): Promise<void> {
    const choice = (this.#choice = {})
    // What is there already begins at once.
    const found = Array.isArray(tracks) ? tracks : await tracks
    if (choice !== this.#choice || !found.length) return
    this.#rest = more ? new Rest(more) : null
    ;[this.queue, this.index] = [entries(found), at]
    if (this.shuffle) this.#order()
    this.#load(true)
  }

  playNext(tracks: Track[]): void {
    if (!this.track) return void this.play(tracks)
    this.queue = insert(this.queue, this.index, tracks)
    this.#keep()
    notices.say('Plays next')
  }

  add(tracks: Track[]): void {
    if (!this.track) return void this.play(tracks)
    this.queue = append(this.queue, tracks)
    this.#keep()
    notices.say('Added to the queue')
  }

  jump(index: number): void {
    this.#choice = {}
    this.index = index
    this.#load(true)
  }

  /** A track goes elsewhere; in the order that is not shuffled it stays where it is. */
  move(from: number, to: number): void {
    const [entry, current] = [this.queue[from], this.index]
    if (!entry || to < 0 || to >= this.queue.length) return
    const moved = this.queue.toSpliced(from, 1).toSpliced(to, 0, entry)
    this.index = moved.indexOf(this.queue[current] as Entry)
    this.queue = this.shuffle ? moved : settle(moved)
    this.#keep()
  }

  remove(index: number): void {
    const isCurrent = index === this.index
    this.queue = this.queue.toSpliced(index, 1)
    if (index < this.index) this.index -= 1
    if (!isCurrent) return this.#keep()
    if (this.index >= this.queue.length) this.index = this.queue.length - 1
    if (this.track) this.#load(this.playing)
    else this.stop()
  }

  #hush(): void {
    this.#begins = null
    this.waiting = this.#isDue = false
    this.#voices.forEach((voice) => voice.rest())
  }

  stop(): void {
    this.#choice = {}
    this.#hush()
    ;[this.queue, this.index, this.#rest] = [[], -1, null]
    tellPlace(this)
    this.#keep()
  }

  /** Another one begins. */
  rest(): void {
    this.#hush()
  }

  toggle(): void {
    const element = this.#voice?.element
    if (!element || !this.track) return
    if (element.paused && !this.#begins) return void this.#sound()
    this.#hush()
  }

  next(ended = false): void {
    if (!ended) this.#choice = {}
    if (ended && this.repeat === 'one') return this.#again()
    if (this.index + 1 < this.queue.length) this.index += 1
    else if (this.repeat === 'all' && this.queue.length) this.index = 0
    else return ended ? this.#again(false) : undefined
    this.#load(true)
  }

  previous(): void {
    this.#choice = {}
    if (this.position > 3 || this.index <= 0) return this.seek(0)
    this.index -= 1
    this.#load(true)
  }

  seek(seconds: number): void {
    const element = this.#voice?.element
    if (!element) return
    const to = Math.max(0, Math.min(seconds, this.duration || seconds))
    element.currentTime = to
    this.position = to
  }

  setVolume(volume: number): void {
    this.volume = Math.max(0, Math.min(1, volume))
    this.muted = false
    this.#loud()
  }

  toggleMuted(): void {
    this.muted = !this.muted
    this.#loud()
  }

  toggleShuffle(): void {
    this.shuffle = !this.shuffle
    this.#order()
    void this.#goOn()
    this.#keep()
  }

  cycleRepeat(): void {
    this.repeat = this.repeat === 'off' ? 'all' : this.repeat === 'all' ? 'one' : 'off'
  }

  setQuality(quality: Quality): void {
    this.quality = quality
    this.#load(this.playing, this.position)
  }

  setLoudness(loudness: Loudness): void {
    this.loudness = loudness
    this.#loud()
  }

  /** Puts the queue into the order that is wanted; what plays goes on. */
  #order(): void {
    const current = this.queue[this.index]
    if (!current) return
    this.queue = this.shuffle ? shuffled(this.queue, current) : unshuffled(this.queue)
    this.index = this.queue.indexOf(current)
  }

  #address(track: Track): string {
    return addressOf(track, this.quality)
  }

  #load(play: boolean, at_s = 0): void {
    const track = this.track
    if (!track) return
    const other = this.#voices[1 - this.#now]
    this.#hush()
    // The other one has it already when it was fetched ahead.
    if (other?.track?.id === track.id) this.#now = 1 - this.#now
    const voice = this.#voice
    if (!voice) return
    // A song that waits is fetched when somebody wants to hear it: many windows may remember one.
    voice.element.preload = play ? 'auto' : 'none'
    voice.bring(this.#address(track), at_s)
    voice.element.currentTime = at_s
    this.#take(voice, track)
    this.#counted = false
    ;[this.position, this.duration] = [at_s, track.duration_ms / 1000]
    tellMedia(track)
    tellPlace(this)
    if (play) void this.#sound()
    void this.#goOn()
    this.#keep()
  }

  /** Of a long list more comes, and what is long past goes. */
  async #goOn(): Promise<void> {
    const rest = this.#rest
    const next = (await rest?.next(this.queue.length - this.index)) ?? []
    // Another list may play by now.
    if (!next.length || rest !== this.#rest) return
    const gone = past(this.index)
    this.queue = append(this.queue, next, this.shuffle).slice(gone)
    this.index -= gone
  }

  async #sound(): Promise<void> {
    const [voice, track] = [this.#voice, this.track]
    if (!voice || !track) return
    this.#wire()
    void this.#context?.resume()
    this.waiting = this.#isDue = true
    takeTurn(this)
    voice.element.preload = 'auto'
    voice.bring(this.#address(track), this.position)
    const begins = (this.#begins = {})
    if (this.loudness !== 'off') await voice.known
    // Another one is to play by now, or none.
    if (begins !== this.#begins) return
    this.#begins = null
    try {
      await voice.element.play()
      this.#isDue = false
    } catch (error) {
      // Another track was chosen meanwhile, or the element has said by an event what is wrong.
      if ((error as DOMException).name === 'NotAllowedError') this.waiting = this.playing = false
    }
  }

  /** Sound passes through a gain of its own for each element. It begins with the first play: browsers want a gesture. */
  #wire(): void {
    if (this.#context) return
    const context = new AudioContext({ latencyHint: 'playback' })
    this.#context = context
    for (const voice of this.#voices) {
      voice.gain = context.createGain()
      context.createMediaElementSource(voice.element).connect(voice.gain).connect(context.destination)
    }
    this.#loud()
  }

  /** A voice gets a track, and how loud it is, which is known before its first sound: nobody is to hear it change. */
  #take(voice: Voice, track: Track): void {
    if (voice.track?.id === track.id && voice.loudness !== undefined) return
    ;[voice.track, voice.loudness] = [track, undefined]
    this.#loud()
    const wish = { params: { path: { id: track.id } }, signal: AbortSignal.timeout(LOUDNESS_MS_MAX) }
    const know = (one: OneTrack) => {
      if (voice.track !== track) return
      voice.loudness = one.gain ?? null
      this.#loud()
    }
    voice.known = asked(api.GET('/tracks/{id}', wish)).then(know, () => {})
  }

  #loud(): void {
    for (const voice of this.#voices) {
      voice.element.volume = this.level
      if (voice.gain) voice.gain.gain.value = voice.level(this.loudness)
    }
  }

  #moved(): void {
    const element = this.#voice?.element
    const track = this.track
    if (!element || !track) return
    this.position = element.currentTime
    if (!this.#counted && (this.position > this.duration / 2 || this.position > COUNTS_AFTER_S)) {
      this.#counted = true
      void countPlay(track)
    }
    if (this.duration - this.position < AHEAD_S) this.#ahead()
    if (Date.now() - this.#keptAt > KEEP_EVERY_MS) this.#keep()
  }

  #ahead(): void {
    const next = (this.queue[this.index + 1] ?? (this.repeat === 'all' ? this.queue[0] : undefined))?.track
    const other = this.#voices[1 - this.#now]
    if (this.repeat === 'one' || !next || !other || other.track?.id === next.id) return
    this.#take(other, next)
    other.element.preload = 'auto'
    other.bring(this.#address(next), 0)
  }

  #lasts(): void {
    const length = this.#voice?.element.duration ?? NaN
    if (Number.isFinite(length)) this.duration = length
  }

  #again(play = true): void {
    this.seek(0)
    this.#counted = false
    if (play) void this.#sound()
    else this.playing = false
  }

  /** An element has failed: the one that plays, or the other one while it fetches what comes next. */
  async #broke(voice: Voice): Promise<void> {
    const isNow = () => voice === this.#voice
    const track = isNow() ? this.track : voice.track
    if (!track) return
    let told = false
    const waits = (why: string) => {
      if (!isNow()) return
      this.waiting = this.#isDue || !voice.element.paused
      if (!told) notices.say(`${track.title} waits: ${why}`)
      told = true
    }
    const fault = await voice.fault(waits).catch(() => null)
    // It is to have something else by now, or to rest.
    if (!fault) return
    const { address } = voice
    const isOfForm = fault === 'form' || (fault !== 'again' && isStandIn(track, address))
    if (isOfForm) giveUp(track, address)
    if (fault === 'again' || (isOfForm && isPlayable(track, this.quality))) {
      if (isOfForm) notices.say(`${track.title} is played as MP3: this browser cannot play its file`)
      return this.#tryAgain(voice, track)
    }
    // What cannot be fetched ahead is asked for anew when its turn comes.
    if (!isNow()) return
    const isWanted = this.#isDue || !voice.element.paused
    this.#hush()
    notices.say(`${track.title} does not play: ${typeof fault === 'object' && !isOfForm ? fault.why : 'this browser cannot play its file'}`, true)
    if (isOfForm && isWanted) this.#passOver()
  }

  async #tryAgain(voice: Voice, track: Track): Promise<void> {
    if (voice !== this.#voice) return voice.bring(this.#address(track), 0)
    this.#take(voice, track)
    if (this.#isDue || !voice.element.paused) await this.#sound()
  }

  /** The next one begins of those that play here. Each that does not is passed over once, so this comes to an end. */
  #passOver(): void {
    const next = behind(this.queue, this.index, this.repeat === 'all').find(({ track }) => isPlayable(track, this.quality))
    if (!next) return
    this.index = this.queue.indexOf(next)
    this.#load(true)
  }

  #keep(): void {
    this.#keptAt = Date.now()
    const { position, volume, shuffle, repeat, quality, loudness } = this
    const place: Kept = { ...around(this.queue, this.index), position, volume, shuffle, repeat, quality, loudness, shared: this.#sharing.kept }
    this.#sharing.within(this.playing ? SHARE_EVERY_MS : SHARE_SOON_MS)
    try {
      localStorage.setItem(kept(), JSON.stringify(place))
    } catch {
      // A browser that keeps nothing plays as well.
    }
  }

  #recall(): void {
    const text = localStorage.getItem(kept())
    if (!text) return
    const { queue, index, position, shared, ...rest } = JSON.parse(text) as Kept
    Object.assign(this, rest)
    this.#sharing.kept = shared ?? null
    this.#loud()
    // What a page of before has kept has no places.
    this.#put(queue.filter((entry) => entry.track), index, position)
  }

  /** This queue is there, and waits at that place. */
  #put(queue: Entry[], index: number, position: number): void {
    ;[this.queue, this.#rest] = [queue, null]
    this.index = Math.min(index, queue.length - 1)
    if (!this.track) return
    this.#load(false, position)
    this.#sharing.markKnown()
  }

  async #recallFromServer(): Promise<void> {
    const found = await keptQueue(this.#sharing.kept).catch(() => null)
    // Who has begun to play something knows what he wants.
    if (!found || this.playing || this.waiting || !session.user) return
    this.#sharing.kept = found.changed
    const queue = this.shuffle ? recalled(found.tracks, this.queue) : entries(found.tracks)
    this.#put(queue, found.current, found.position_s)
  }
}

export type { Player }
export const player = new Player()
