// Of all that can sound one does: whoever begins makes the one before rest, and what is told to play and to pause is the last.

export interface Sounding {
  readonly playing: boolean
  /** It will play as soon as it can. */
  readonly waiting: boolean
  /** In seconds. */
  readonly position: number
  toggle: () => unknown
  rest: () => void
  seek: (seconds: number) => void
}

let last: Sounding | null = null

export function takeTurn(one: Sounding): void {
  if (last !== one) last?.rest()
  last = one
}

/** It can sound no more. */
export function leaveTurn(one: Sounding): void {
  if (last === one) last = null
}

/** Who began last. */
export const whoseTurn = (): Sounding | null => last

/** For an element whose own controls make it play, for as long as it is on the page. */
export function takesTurns(element: HTMLMediaElement): () => void {
  const one: Sounding = {
    get playing() { return !element.paused },
    waiting: false,
    get position() { return element.currentTime },
    toggle: () => (element.paused ? element.play().catch(() => {}) : element.pause()),
    rest: () => element.pause(),
    seek: (seconds) => void (element.currentTime = seconds),
  }
  const begin = () => takeTurn(one)
  element.addEventListener('play', begin)
  return () => (element.removeEventListener('play', begin), leaveTurn(one))
}
