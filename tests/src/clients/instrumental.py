"""py-opensonic (libopensonic): finds the folder of instrumentals, browses it down to a song and plays that whole.

Arguments: the server's address, a user, a password, and the file that the song is.
"""

import asyncio
import sys

from libopensonic import AsyncConnection

address, user, password, path = sys.argv[1:5]
with open(path, "rb") as file:
    file = file.read()


def step(name, holds):
    print(("ok: " if holds else "FAILED: ") + name)
    if not holds:
        sys.exit(1)


async def main():
    host, port = address.rsplit(":", 1)
    server = AsyncConnection(f"http://{host}", user, password, port=int(port))
    # The package's own get_music_folders reads the list wrongly (version 10.4.1), so its request is made by hand.
    answer = await server._do_request("getMusicFolders", {})
    folders = (await answer.json())["subsonic-response"]["musicFolders"]["musicFolder"]
    folder = next(folder for folder in folders if folder["name"] == "Instrumentals")
    indexes = await server.get_indexes(music_folder_id=folder["id"])
    artists = [artist for index in indexes.index for artist in index.artist]
    step("indexes", len(artists) == 1)
    albums = await server.get_album_list2("alphabeticalByName", music_folder_id=folder["id"])
    step("albums", len(albums) == 1)
    song = (await server.get_album(albums[0].id)).song[0]
    step("its name", song.title.endswith("(Instrumental)"))
    step("its directory", (await server.get_music_directory(albums[0].id)).child[0].id == song.id)
    found = (await server.search3("instrumental")).song
    step("search", [one.id for one in found] == [song.id])
    whole = await (await server.stream(song.id)).read()
    step("the whole song", whole == file and song.size == len(file))
    part = await server.stream(song.id, byte_range="bytes=-700")
    step("a range", part.status == 206 and await part.read() == file[-700:])
    step("star", await server.star(sids=[song.id]))
    step("scrobble", await server.scrobble(song.id))
    await server.cleanup()
    print("done")


asyncio.run(main())
