// subsonic-api (npm) against a server: log in, browse, search, stream, resume, keep. Prints one line for each step.
//
// Arguments: the server's address, a user, a password, a key, a song's title, the file that the song is, and how to sign in and
// ask: `token`, `post` (a token in a form) or `key`.
import fs from 'node:fs'
import SubsonicAPI from 'subsonic-api'

const [address, username, password, apiKey, title, path, scheme] = process.argv.slice(2)
const auth = scheme === 'key' ? { apiKey } : { username, password }
const server = new SubsonicAPI({ url: `http://${address}`, auth, post: scheme === 'post' })
const file = fs.readFileSync(path)

function step(name, holds) {
  console.log(`${holds ? 'ok: ' : 'FAILED: '}${name}`)
  if (!holds) process.exit(1)
}

const bytes = async (answer) => Buffer.from(await answer.arrayBuffer())
const ids = (rows) => (rows ?? []).map((row) => row.id)

async function browse() {
  const pinged = await server.ping()
  step('ping', pinged.status === 'ok' && pinged.openSubsonic)
  const { openSubsonicExtensions } = await server.getOpenSubsonicExtensions()
  step('extensions', openSubsonicExtensions.some((extension) => extension.name === 'formPost'))
  step('license', (await server.getLicense()).license.valid)
  step('folders', (await server.getMusicFolders()).musicFolders.musicFolder.length >= 1)
  const artists = (await server.getArtists()).artists.index.flatMap((index) => index.artist)
  const ada = artists.find((artist) => artist.name === 'Ada Pond')
  const { album: albums } = (await server.getArtist({ id: ada.id })).artist
  step('artist', albums.length === 1 && albums[0].name === 'Morning Water')
  const { album } = await server.getAlbum({ id: albums[0].id })
  step('album', album.song.map((song) => song.track).join() === '1,2,3')
  step('directory', (await server.getMusicDirectory({ id: album.id })).directory.child.length === 3)
  step('song', (await server.getSong({ id: album.song[0].id })).song.title === 'First Ripple')
  step('genres', (await server.getGenres()).genres.genre.some((genre) => genre.value === 'Folk'))
  const { albumList2 } = await server.getAlbumList2({ type: 'alphabeticalByName', size: 10 })
  step('albums by name', albumList2.album.length === 4)
  step('random songs', (await server.getRandomSongs({ size: 5 })).randomSongs.song.length === 5)
  step('now playing', (await server.getNowPlaying()).status === 'ok')
  return album
}

async function listen() {
  const { searchResult3 } = await server.search3({ query: title })
  const song = searchResult3.song.find((one) => one.title === title)
  step('search3', song.size === file.length)
  step('a whole track by stream', file.equals(await bytes(await server.stream({ id: song.id }))))
  step('a whole track by download', file.equals(await bytes(await server.download({ id: song.id }))))
  const made = await server.stream({ id: song.id, format: 'mp3', maxBitRate: 64 })
  const sound = await bytes(made)
  step('another format', made.headers.get('content-type') === 'audio/mpeg' && sound.length > 0)
  step('scrobble', (await server.scrobble({ id: song.id })).status === 'ok')
  return song
}

// The package has no way to say a range: its own request, with one more field, is what players send.
async function ranges(song) {
  let fields = {}
  const fetched = (url, options) => fetch(url, { ...options, headers: { ...options?.headers, ...fields } })
  const player = new SubsonicAPI({ url: `http://${address}`, auth, post: scheme === 'post', fetch: fetched })
  fields = { Range: 'bytes=1000-1999' }
  const part = await player.stream({ id: song.id })
  step('a range', part.status === 206 && file.subarray(1000, 2000).equals(await bytes(part)))
  step('a range is described', part.headers.get('content-range') === `bytes 1000-1999/${file.length}`)
  fields = { Range: 'bytes=5000-', 'If-Range': part.headers.get('etag') }
  const rest = await player.download({ id: song.id })
  step('a resumed download', rest.status === 206 && file.subarray(5000).equals(await bytes(rest)))
}

async function keep(album, song) {
  step('star', (await server.star({ id: song.id, albumId: [album.id] })).status === 'ok')
  const { starred2 } = await server.getStarred2()
  step('what is starred', ids(starred2.song).join() === song.id && ids(starred2.album).join() === album.id)
  await server.unstar({ id: song.id, albumId: [album.id] })
  step('nothing is starred', ids((await server.getStarred2()).starred2.song).length === 0)
  step('a rating', (await server.setRating({ id: song.id, rating: 4 })).status === 'ok')
  step('what is rated', (await server.getSong({ id: song.id })).song.userRating === 4)
  const songs = ids(album.song)
  const { playlist } = await server.createPlaylist({ name: 'Evening', songId: songs.slice(0, 2) })
  step('a playlist is made', ids(playlist.entry).join() === songs.slice(0, 2).join())
  const change = { playlistId: playlist.id, name: 'Night', songIdToAdd: songs.slice(2), songIndexToRemove: [0] }
  step('a playlist is changed', (await server.updatePlaylist(change)).status === 'ok')
  const { playlist: changed } = await server.getPlaylist({ id: playlist.id })
  step('a playlist is read', changed.name === 'Night' && ids(changed.entry).join() === songs.slice(1).join())
  step('playlists', (await server.getPlaylists()).playlists.playlist.length === 1)
  await server.deletePlaylist({ id: playlist.id })
  step('a playlist is removed', !(await server.getPlaylists()).playlists.playlist?.length)
  await server.savePlayQueue({ id: songs, current: songs[1], position: 5000 })
  const { playQueue } = await server.getPlayQueue()
  step('a queue', ids(playQueue.entry).join() === songs.join() && playQueue.position === 5000)
}

const album = await browse()
const song = await listen()
await ranges(song)
await keep(album, song)
console.log('done')
