// The menu of a track; there is one for all rows.
import type { Track } from '../api/client'

/** What can be done with a track where it stands: in words, and by what. */
export type Own = [string, () => void][]

class Menu {
  track = $state.raw<Track | null>(null)
  own = $state.raw<Own>([])
  at = $state.raw({ x: 0, y: 0 })
  /** The playlist that got a song last; each time another object. */
  grown = $state.raw<{ id: string } | null>(null)
  #opener: HTMLElement | null = null

  open(opener: HTMLElement, track: Track, own: Own): void {
    const { right, bottom } = opener.getBoundingClientRect()
    this.#opener = opener
    this.at = { x: right, y: bottom }
    this.own = own
    this.track = track
  }

  close(): void {
    this.track = null
    this.#opener?.focus()
  }
}

export const menu = new Menu()
