// Which view is shown: what stands behind the `#` of the address.

function read(): string[] {
  return location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded)
}

/** Somebody may write an address by hand. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Where somebody was in a view, and how long its list was. */
interface Place {
  top: number
  rows: number
}

const START: Place = { top: 0, rows: 0 }
/** By these somebody says himself where he wants to be. */
const ACTS = ['wheel', 'touchstart', 'pointerdown', 'keydown'] as const

class Route {
  parts = $state<string[]>(read())
  /** Where somebody was in each address, and is now. */
  #places = new Map<string, Place>()
  #place: Place = { ...START }
  #shown = location.hash
  #back = true
  /** Ends going to a place that is not there yet. */
  #going = new AbortController()

  /** The view that the address names, which is the one that is shown a moment later. */
  get named(): string {
    return read()[0] ?? 'home'
  }

  constructor() {
    history.scrollRestoration = 'manual'
    this.#going.abort()
    let went = false
    addEventListener('popstate', () => (went = true))
    addEventListener('scroll', () => this.#going.signal.aborted && (this.#place.top = scrollY), { passive: true })
    addEventListener('hashchange', () => {
      this.#places.set(this.#shown, this.#place)
      this.#shown = location.hash
      // Somebody who goes back finds the list where it was.
      this.#place = { ...((went && this.#back && this.#places.get(this.#shown)) || START) }
      this.parts = read()
      this.#back = true
      went = false
      this.#scroll(this.#place.top)
    })
    addEventListener('click', (event) => {
      const link = (event.target as Element | null)?.closest?.('a[href^="#"]')
      if (link) this.#back = false
    })
  }

  /** Goes to a place as soon as the view is that high, unless somebody goes elsewhere meanwhile. */
  #scroll(top: number): void {
    this.#going.abort()
    const { signal } = (this.#going = new AbortController())
    const stop = () => this.#going.abort()
    const watch = new ResizeObserver(() => {
      scrollTo(0, top)
      if (Math.abs(scrollY - top) < 1) stop()
    })
    signal.addEventListener('abort', () => watch.disconnect())
    for (const act of ACTS) addEventListener(act, stop, { passive: true, signal })
    watch.observe(document.body)
  }

  go(...parts: string[]): void {
    this.#back = false
    location.hash = to(...parts)
  }

  /** The same view of something else, which is not gone back to. */
  turn(...parts: string[]): void {
    history.replaceState(null, '', to(...parts))
    this.#shown = location.hash
    this.parts = read()
  }

  /** How many rows its list had, if somebody came back to it. */
  get rows(): number {
    return this.#place.rows
  }

  keepRows(rows: number): void {
    this.#place.rows = rows
  }

  get view(): string {
    return this.parts[0] ?? 'home'
  }

  /** What of that view is shown. */
  get id(): string {
    return this.parts[1] ?? ''
  }
}

export const to = (...parts: string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`
export const route = new Route()
