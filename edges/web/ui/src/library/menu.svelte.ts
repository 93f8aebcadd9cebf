// The menu beside what opened it; there is one for all.
import type { Track } from '../api/client'

/** What can be done with something where it stands: in words, and by what. */
export type Own = [string, () => void][]

interface Opened {
  opener: HTMLElement
  label: string
  own: Own
  /** For a track there is more than what is its own. */
  track?: Track
}

class Menu {
  opened = $state.raw<Opened | null>(null)
  /** The playlist that got a song last; each time another object. */
  grown = $state.raw<{ id: string } | null>(null)

  /** Opens it beside what is pressed, or closes it there. */
  press(by: Opened): void {
    if (this.opened?.opener === by.opener) return this.close()
    // Not every browser gives a button that is pressed the focus, which comes back here in the end.
    by.opener.focus()
    this.opened = by
  }

  close(): void {
    this.opened = null
  }
}

export const menu = new Menu()
