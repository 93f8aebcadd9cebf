// Of all that can sound one does: whoever begins makes the one before rest, and what is told to play and to pause is the last.

export interface Sounding {
  toggle: () => unknown
  rest: () => void
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
  const one = { toggle: () => (element.paused ? element.play().catch(() => {}) : element.pause()), rest: () => element.pause() }
  const begin = () => takeTurn(one)
  element.addEventListener('play', begin)
  return () => (element.removeEventListener('play', begin), leaveTurn(one))
}
