// A colour for each pool, the same in the picture and in the table; far enough apart for eyes that see fewer.
const HUES: Record<string, [number, number]> = {
  streams: [176, 48], uploads: [210, 55], listings: [250, 45], origins: [285, 40], transforms: [25, 62],
  stems: [345, 52], caches: [95, 35], passwords: [50, 60], scans: [130, 35], connections: [195, 30],
}

export function colour(pool: string, dark: boolean): string {
  const [hue, saturation] = HUES[pool] ?? [0, 0]
  return `hsl(${hue} ${saturation}% ${dark ? 58 : 46}%)`
}

export const isDark = (): boolean => matchMedia('(prefers-color-scheme: dark)').matches
