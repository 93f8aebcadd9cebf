// The one connection of a browser over which it is told what happens. To a server that speaks HTTP/1.1 a browser opens six
// connections, whatever the number of its windows, and one that is told what happens is never free: so all windows share one.
// Whoever holds it, which is a worker that they share or the window itself, runs this.

/** What a window wants: to be told at this address what happens to this person, or nothing more. */
export type Wish = { address: string; user: string } | 'leave'
/** What a window is told: of the connection itself, which a browser opens again unless it was refused, and what came over it. */
export type News = 'open' | 'away' | 'refused' | { name: string; data: string }

const NAMES = ['library', 'playlists', 'rights', 'under_way', 'ended', 'server', 'signed_out']

const windows = new Set<MessagePort>()
let source: EventSource | null = null
/** Whom it tells. */
let listener = ''
/** What was told last of each kind, for a window that comes later. */
const last = new Map<string, string>()

/** Tells a window what happens, for as long as it wants. */
export function attend(window: MessagePort): void {
  window.onmessage = ({ data: wish }: MessageEvent<Wish>) => {
    if (wish === 'leave') leave(window)
    else listen(window, wish)
  }
}

function listen(window: MessagePort, { address, user }: Exclude<Wish, 'leave'>): void {
  windows.add(window)
  if (!source || source.readyState === EventSource.CLOSED || user !== listener) return open(address, user)
  const tell = (news: News) => window.postMessage(news)
  if (source.readyState === EventSource.OPEN) tell('open')
  for (const [name, data] of last) tell({ name, data })
}

function leave(window: MessagePort): void {
  windows.delete(window)
  window.close()
  if (!windows.size) close()
}

function open(address: string, user: string): void {
  close()
  const mine = (source = new EventSource(address))
  listener = user
  mine.onopen = () => tellAll('open')
  mine.onerror = () => tellAll(mine.readyState === EventSource.CLOSED ? 'refused' : 'away')
  for (const name of NAMES) {
    mine.addEventListener(name, ({ data }) => {
      last.set(name, data)
      tellAll({ name, data })
      if (name === 'signed_out') close()
    })
  }
}

function close(): void {
  source?.close()
  source = null
  last.clear()
}

function tellAll(news: News): void {
  for (const window of windows) window.postMessage(news)
}
