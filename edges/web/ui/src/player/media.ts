// What the system is told of what plays, and its own keys for it (the Media Session standard).
import { cover, type Track } from '../api/client'
import type { Player } from './player.svelte'
import { whoseTurn } from './turn'

export function tellMedia(track: Track): void {
  if (!('mediaSession' in navigator)) return
  const artwork = track.has_cover ? [{ src: cover(track.id, 600), sizes: '600x600' }] : []
  navigator.mediaSession.metadata = new MediaMetadata({ title: track.title, artist: track.artist, album: track.album, artwork })
}

export function mediaKeys(player: Player): void {
  if (!('mediaSession' in navigator)) return
  const actions: [MediaSessionAction, MediaSessionActionHandler][] = [
    ['play', () => (whoseTurn() ?? player).toggle()],
    ['pause', () => (whoseTurn() ?? player).toggle()],
    ['nexttrack', () => player.next()],
    ['previoustrack', () => player.previous()],
    ['seekto', ({ seekTime }) => seekTime !== undefined && player.seek(seekTime)],
  ]
  for (const [action, act] of actions) navigator.mediaSession.setActionHandler(action, act)
}
