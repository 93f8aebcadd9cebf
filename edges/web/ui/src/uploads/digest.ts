// The SHA-256 of a file, counted block by block in a worker, so that neither the page nor the memory notices.

export async function digestOf(file: File, signal: AbortSignal, moved: (bytes: number) => void): Promise<string> {
  const worker = new Worker(new URL('./digest.worker.ts', import.meta.url), { type: 'module' })
  try {
    return await new Promise<string>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      // The worker itself tells of a file that cannot be read: here its script did not come.
      worker.onerror = () => reject(new TypeError('the server cannot be reached'))
      worker.onmessage = ({ data }: MessageEvent<{ bytes?: number; sha256?: string; failed?: string }>) => {
        if (data.bytes !== undefined) moved(data.bytes)
        if (data.failed !== undefined) reject(new Error(data.failed))
        if (data.sha256) resolve(data.sha256)
      }
      worker.postMessage(file)
    })
  } finally {
    worker.terminate()
  }
}
