// What is done to playlists is done one thing after the other, wherever on the page it was begun: a place in a list means
// something only behind what was done before.

let line: Promise<unknown> = Promise.resolve()

/** Does this behind what was begun before. */
export function inLine<T>(what: () => Promise<T>): Promise<T> {
  const done = line.then(what)
  // What fails is told to who wanted it, and holds up nobody.
  line = done.catch(() => {})
  return done
}

/** Waits for what was begun before. */
export async function settled(): Promise<void> {
  await line
}
