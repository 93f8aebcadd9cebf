"""py-opensonic (libopensonic), whose models raise on a missing field: log in, browse, search, stream, resume.

Arguments: the server's address, a user, a password, a key, a song's title, the file that the song is, and how to
sign in: `token`, `legacy` or `key`.
"""

import asyncio
import sys

from libopensonic import AsyncConnection

address, user, password, key, title, path, scheme = sys.argv[1:8]
with open(path, "rb") as file:
    file = file.read()


def step(name, holds):
    print(("ok: " if holds else "FAILED: ") + name)
    if not holds:
        sys.exit(1)


def connection():
    host, port = address.rsplit(":", 1)
    if scheme == "key":
        return AsyncConnection(f"http://{host}", api_key=key, port=int(port))
    legacy = scheme == "legacy"
    return AsyncConnection(f"http://{host}", user, password, port=int(port), legacy_auth=legacy, use_get=legacy)


async def browse(server):
    step("ping", await server.ping())
    step("license", bool(await server.get_license()))
    names = {extension.name for extension in await server.get_open_subsonic_extensions()}
    step("extensions", {"apiKeyAuthentication", "formPost"} <= names)
    # The package's own get_music_folders reads the list wrongly (version 10.4.1); py-sonic asks for them.
    indexes = await server.get_indexes()
    step("indexes", any(artist.name == "Ben Reed" for index in indexes.index for artist in index.artist))
    artists = [artist for index in (await server.get_artists()).index for artist in index.artist]
    ben = next(artist for artist in artists if artist.name == "Ben Reed")
    albums = (await server.get_artist(ben.id)).album
    step("artist", {album.name for album in albums} == {"Reeds", "Stones"})
    reeds = await server.get_album(next(album.id for album in albums if album.name == "Reeds"))
    step("album", [song.title for song in reeds.song] == ["Cattail", "Bulrush", "Sweet Flag"])
    step("directory", len((await server.get_music_directory(reeds.id)).child) == 3)
    step("song", (await server.get_song(reeds.song[0].id)).title == "Cattail")
    step("genres", {"Ambient", "Folk", "Drone"} <= {genre.value for genre in await server.get_genres()})
    for kind in ("newest", "recent", "frequent", "highest", "random", "alphabeticalByName", "starred"):
        step(f"album list {kind}", isinstance(await server.get_album_list(kind), list))
        step(f"album list 2 {kind}", isinstance(await server.get_album_list2(kind), list))
    by_year = await server.get_album_list2("byYear", from_year=2000, to_year=2002)
    step("albums by year", len(by_year) == 4)
    by_genre = await server.get_album_list2("byGenre", genre="Folk")
    step("albums by genre", {album.name for album in by_genre} == {"Reeds", "Stones"})
    step("random songs", len(await server.get_random_songs(size=4)) == 4)
    await server.get_starred()
    await server.get_starred2()
    step("playlists", isinstance(await server.get_playlists(), list))
    if scheme != "key":
        step("user", (await server.get_user(user)).username == user)


async def listen(server):
    step("search2", (await server.search2("long")).song[0].title == "Long Water")
    found = (await server.search3(title)).song
    song = next(song for song in found if song.title == title)
    step("search3", song.size == len(file))
    whole = await (await server.stream(song.id)).read()
    step("a whole track by stream", whole == file)
    whole = await (await server.download(song.id)).read()
    step("a whole track by download", whole == file)
    part = await server.stream(song.id, byte_range="bytes=-700")
    step("a range", part.status == 206 and await part.read() == file[-700:])
    broken = await server.download(song.id)
    first, tag = await broken.content.readexactly(5000), broken.headers["ETag"]
    broken.close()
    fields = {"Range": f"bytes={len(first)}-", "If-Range": tag}
    rest = await server._do_request("download", {"id": song.id}, fields)
    step("a resumed download", rest.status == 206 and first + await rest.read() == file)
    step("scrobble", await server.scrobble(song.id))
    return song


async def keep(server, song):
    album = await server.get_album(song.album_id)
    step("star", await server.star(sids=[song.id], album_ids=[album.id], artist_ids=[song.artist_id]))
    starred = await server.get_starred2()
    kept = [[row.id for row in rows] for rows in (starred.song, starred.album, starred.artist)]
    step("what is starred", kept == [[song.id], [album.id], [song.artist_id]])
    step("unstar", await server.unstar(sids=[song.id], album_ids=[album.id], artist_ids=[song.artist_id]))
    step("nothing is starred", not (await server.get_starred2()).song)
    step("a rating", await server.set_rating(song.id, 4))
    step("what is rated", (await server.get_song(song.id)).user_rating == 4)
    songs = [one.id for one in album.song]
    step("a playlist is made", await server.create_playlist(name="Evening", song_ids=songs[:2]))
    mine = next(one for one in await server.get_playlists() if one.name == "Evening")
    step("a playlist is changed", await server.update_playlist(
        mine.id, name="Night", song_ids_to_add=songs[2:], song_indices_to_remove=[0]))
    entries = await server.get_playlist(mine.id)
    step("a playlist is read", (entries.name, [one.id for one in entries.entry]) == ("Night", songs[1:]))
    step("a playlist is removed", await server.delete_playlist(mine.id))
    step("a bookmark is made", await server.create_bookmark(song.id, 5000, "here"))
    marks = [(mark.entry.id, mark.position) for mark in await server.get_bookmarks()]
    step("a bookmark is read", marks == [(song.id, 5000)])
    step("a bookmark is removed", await server.delete_bookmark(song.id))
    step("a queue is kept", await server.save_play_queue(songs, songs[0], 7000))
    queue = await server.get_play_queue()
    step("a queue is read", ([one.id for one in queue.entry], queue.position) == (songs, 7000))


async def main():
    server = connection()
    await browse(server)
    await keep(server, await listen(server))
    await server.cleanup()
    print("done")


asyncio.run(main())
