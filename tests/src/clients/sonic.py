"""py-sonic (libsonic) against a server: log in, browse, search, stream, resume. Prints one line for each step.

Arguments: the server's address, a user, a password, a song's title, the file that the song is, `token` or `legacy`.
"""

import hashlib
import sys
import urllib.request

import libsonic

address, user, password, title, path, scheme = sys.argv[1:7]
host, port = address.rsplit(":", 1)
server = libsonic.Connection(f"http://{host}", user, password, port=int(port), legacyAuth=scheme == "legacy")
with open(path, "rb") as file:
    file = file.read()


def step(name, holds):
    print(("ok: " if holds else "FAILED: ") + name)
    if not holds:
        sys.exit(1)


step("ping", server.ping())
step("license", server.getLicense()["license"]["valid"] is True)
step("folders", len(server.getMusicFolders()["musicFolders"]["musicFolder"]) >= 1)

indexes = server.getIndexes()["indexes"]["index"]
names = {artist["name"] for index in indexes for artist in index["artist"]}
step("indexes", {"Ada Pond", "Ben Reed", "Cy Lake"} <= names)

artists = [artist for index in server.getArtists()["artists"]["index"] for artist in index["artist"]]
ada = next(artist for artist in artists if artist["name"] == "Ada Pond")
albums = server.getArtist(ada["id"])["artist"]["album"]
step("artist", [album["name"] for album in albums] == ["Morning Water"])
album = server.getAlbum(albums[0]["id"])["album"]
step("album", [song["track"] for song in album["song"]] == [1, 2, 3])
step("directory", len(server.getMusicDirectory(albums[0]["id"])["directory"]["child"]) == 3)
step("song", server.getSong(album["song"][0]["id"])["song"]["title"] == "First Ripple")

genres = {genre["value"] for genre in server.getGenres()["genres"]["genre"]}
step("genres", {"Ambient", "Folk", "Drone"} <= genres)
for kind in ("newest", "recent", "frequent", "random", "alphabeticalByName", "alphabeticalByArtist", "starred"):
    step(f"album list {kind}", "albumList" in server.getAlbumList(kind, size=10))
    step(f"album list 2 {kind}", "albumList2" in server.getAlbumList2(kind, size=10))
step("albums by name", len(server.getAlbumList2("alphabeticalByName", size=10)["albumList2"]["album"]) == 4)
step("random songs", len(server.getRandomSongs(size=5)["randomSongs"]["song"]) == 5)
step("starred", "starred2" in server.getStarred2() and "starred" in server.getStarred())
step("playlists", "playlists" in server.getPlaylists())
step("user", server.getUser(user)["user"]["username"] == user)
step("search2", server.search2("ripple")["searchResult2"]["song"][0]["album"] == "Morning Water")

found = server.search3(title)["searchResult3"]["song"]
song = next(song for song in found if song["title"] == title)
step("search3", song["size"] == len(file))
whole = server.stream(song["id"], tformat="raw").read()
step("a whole track by stream", hashlib.sha256(whole).digest() == hashlib.sha256(file).digest())
whole = server.download(song["id"]).read()
step("a whole track by download", hashlib.sha256(whole).digest() == hashlib.sha256(file).digest())
step("a cover", len(server.getCoverArt(album["coverArt"]).read()) > 1000)
step("scrobble", server.scrobble(song["id"])["status"] == "ok")
step("star", server.star(sids=[song["id"]], albumIds=[album["id"]])["status"] == "ok")
starred = server.getStarred2()["starred2"]
step("what is starred", [starred["song"][0]["id"], starred["album"][0]["id"]] == [song["id"], album["id"]])
step("unstar", server.unstar(sids=[song["id"]], albumIds=[album["id"]])["status"] == "ok")
step("nothing is starred", not server.getStarred2()["starred2"].get("song"))

songs = [song["id"] for song in album["song"]]
step("a playlist is made", server.createPlaylist(name="Evening", songIds=songs[:2])["status"] == "ok")
mine = next(one for one in server.getPlaylists()["playlists"]["playlist"] if one["name"] == "Evening")
change = server.updatePlaylist(mine["id"], name="Night", songIdsToAdd=songs[2:], songIndexesToRemove=[0])
step("a playlist is changed", change["status"] == "ok")
entries = server.getPlaylist(mine["id"])["playlist"]
step("a playlist is read", [entries["name"], [one["id"] for one in entries["entry"]]] == ["Night", songs[1:]])
step("a playlist is removed", server.deletePlaylist(mine["id"])["status"] == "ok")
step("the password is changed", server.changePassword(user, password)["status"] == "ok")

# The package has no call for a range: its own request, with one more field, is what players send.
request = server._getRequest("download", {"id": song["id"]})
request.add_header("Range", "bytes=1000-1999")
part = urllib.request.urlopen(request)
step("a range", part.status == 206 and part.read() == file[1000:2000])
step("a range is described", part.headers["Content-Range"] == f"bytes 1000-1999/{len(file)}")

request = server._getRequest("download", {"id": song["id"]})
broken = urllib.request.urlopen(request)
first, tag = broken.read(5000), broken.headers["ETag"]
broken.close()
request = server._getRequest("download", {"id": song["id"]})
request.add_header("Range", f"bytes={len(first)}-")
request.add_header("If-Range", tag)
rest = urllib.request.urlopen(request)
step("a resumed download", rest.status == 206 and first + rest.read() == file)
print("done")
