// What an element or a player was answered when it does not get what it plays, of which none of them tells.
import { fetchPatiently, said } from './client'
import { live } from './live.svelte'

/** The answer for the first byte of what lies there, however long the server has no room or is away; hears each time why it waits. */
export async function firstByte(address: string, signal: AbortSignal, waits: (why: string) => void, prefer: HeadersInit = {}): Promise<Response> {
  for (let failures = 1; ; failures++) {
    const wish = { headers: { ...prefer, Range: 'bytes=0-0' }, signal }
    const answer = await fetchPatiently(address, wish, (why, after_s) => waits(`${said(why)}; this goes on by itself in ${after_s} s`)).catch(() => null)
    signal.throwIfAborted()
    if (answer) return answer
    waits('The server cannot be reached; this goes on when it is back')
    await live.back(signal, failures)
  }
}
