// Which view is shown: what stands behind the `#` of the address.

function read(): string[] {
  return location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent)
}

class Route {
  parts = $state<string[]>(read())
  #scrolled = new Map<string, number>()
  #shown = location.hash

  constructor() {
    history.scrollRestoration = 'manual'
    let went = false
    addEventListener('popstate', () => (went = true))
    addEventListener('scroll', () => this.#scrolled.set(this.#shown, scrollY), { passive: true })
    addEventListener('hashchange', () => {
      this.#shown = location.hash
      this.parts = read()
      // Somebody who goes back finds the list where it was; the heights are known before its rows are.
      const top = went && this.#back ? (this.#scrolled.get(this.#shown) ?? 0) : 0
      this.#back = true
      went = false
      requestAnimationFrame(() => scrollTo(0, top))
    })
    addEventListener('click', (event) => {
      const link = (event.target as Element | null)?.closest?.('a[href^="#"]')
      if (link) this.#back = false
    })
  }

  #back = true

  go(...parts: string[]): void {
    this.#back = false
    location.hash = `/${parts.map(encodeURIComponent).join('/')}`
  }

  get view(): string {
    return this.parts[0] ?? 'home'
  }

  /** What of that view is shown. */
  get id(): string {
    return this.parts[1] ?? ''
  }
}

export const route = new Route()
export const to = (...parts: string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`
