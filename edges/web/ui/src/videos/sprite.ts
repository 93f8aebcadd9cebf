// Where in a spritesheet the picture of a moment is: WebVTT whose cues name a picture and a part of it (Media Fragments, xywh).

export interface Tile {
  from: number
  to: number
  url: string
  x: number
  y: number
  width: number
  height: number
}

export function tiles(text: string, base: string): Tile[] {
  const found: Tile[] = []
  for (const cue of text.split(/\r?\n\r?\n/)) {
    const [, from, to, place] = /([\d:.]+) --> ([\d:.]+)[^\n]*\n(\S+)/.exec(cue) ?? []
    const [, path, box] = /^(.*)#xywh=([\d,]+)$/.exec(place ?? '') ?? []
    if (!from || !to || path === undefined || !box) continue
    const [x = 0, y = 0, width = 0, height = 0] = box.split(',').map(Number)
    found.push({ from: seconds(from), to: seconds(to), url: new URL(path, base).href, x, y, width, height })
  }
  return found
}

function seconds(text: string): number {
  return text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
}
