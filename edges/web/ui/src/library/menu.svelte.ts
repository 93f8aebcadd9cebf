// The menu of a track; there is one for all rows.
import type { Track } from '../api/client'

class Menu {
  track = $state.raw<Track | null>(null)
  remove = $state.raw<(() => void) | undefined>()
  at = $state.raw({ x: 0, y: 0 })
  #opener: HTMLElement | null = null

  open(opener: HTMLElement, track: Track, remove?: () => void): void {
    const { right, bottom } = opener.getBoundingClientRect()
    this.#opener = opener
    this.at = { x: right, y: bottom }
    this.remove = remove
    this.track = track
  }

  close(): void {
    this.track = null
    this.#opener?.focus()
  }
}

export const menu = new Menu()
