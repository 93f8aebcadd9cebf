// What the system is told of what plays, and its own keys for it (the Media Session standard).
import { cover, type Track } from '../api/client'
import type { Player } from './player.svelte'
import { whoseTurn } from './turn'

export function tellMedia(track: Track): void {
  if (!('mediaSession' in navigator)) return
  const artwork = track.has_cover ? [{ src: cover(track.id, 600), sizes: '600x600' }] : []
  navigator.mediaSession.metadata = new MediaMetadata({ title: track.title, artist: track.artist, album: track.album, artwork })
}

/** Whether it plays, and where it is, from which a locked telephone goes on counting by itself. */
export function tellPlace({ track, playing, position, duration }: Player): void {
  if (!('mediaSession' in navigator)) return
  const { mediaSession } = navigator
  mediaSession.playbackState = !track ? 'none' : playing ? 'playing' : 'paused'
  if (!track) mediaSession.metadata = null
  // Of a length that nobody knows, or a place beyond it, the standard makes an error; no state at all is nothing to show.
  const isKnown = track && Number.isFinite(duration) && duration > 0
  mediaSession.setPositionState(isKnown ? { duration, position: Math.max(0, Math.min(position, duration)), playbackRate: 1 } : undefined)
}

export function mediaKeys(player: Player): void {
  if (!('mediaSession' in navigator)) return
  const sounding = () => whoseTurn() ?? player
  const play = () => !sounding().playing && !sounding().waiting && sounding().toggle()
  const actions: [MediaSessionAction, MediaSessionActionHandler][] = [
    ['play', play],
    ['pause', () => sounding().rest()],
    ['nexttrack', () => player.next()],
    ['previoustrack', () => player.previous()],
    ['seekto', ({ seekTime }) => seekTime !== undefined && sounding().seek(seekTime)],
  ]
  for (const [action, act] of actions) navigator.mediaSession.setActionHandler(action, act)
}
