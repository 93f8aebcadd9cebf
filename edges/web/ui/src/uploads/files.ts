// Files on their way, remembered over a reload: what each is called, and, where the browser has such a thing, a handle by which
// the same file is opened again.

export interface Remembered {
  id: string
  user: string
  name: string
  path: string
  size: number
  modified: number
  /** Once it was counted. */
  sha256: string | null
  /** Browsers without handles have none; there the same file is chosen again. */
  handle: FileSystemFileHandle | null
}

/** A handle whose file was chosen for reading. Not every browser asks again. */
type Asking = FileSystemFileHandle & Partial<Record<'queryPermission' | 'requestPermission', (wish: { mode: 'read' }) => Promise<PermissionState>>>

const STORE = 'uploads'
let opened: Promise<IDBDatabase> | null = null

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('millpond', 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' })
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
  return opened
}

/** One transaction; what the store was asked for last is what comes of it. */
async function run<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T> | undefined): Promise<T | undefined> {
  const work = (await database()).transaction(STORE, mode)
  const request = ask(work.objectStore(STORE))
  return new Promise((resolve, reject) => {
    work.oncomplete = () => resolve(request?.result)
    work.onabort = () => reject(work.error)
  })
}

// A browser that keeps nothing sends files as well.
export const remember = (all: Remembered[]): Promise<unknown> => run('readwrite', (store) => all.map((one) => store.put(one)).at(-1)).catch(() => {})
export const forget = (id: string): Promise<unknown> => run('readwrite', (store) => store.delete(id)).catch(() => {})

/** What this user had on its way in this browser. */
export async function remembered(user: string): Promise<Remembered[]> {
  const all = await run<Remembered[]>('readonly', (store) => store.getAll()).catch(() => undefined)
  return (all ?? []).filter((one) => one.user === user)
}

/** The file of a handle, if it may be read: whether the browser may ask depends on a click. */
export async function fileOf(handle: FileSystemFileHandle, clicked: boolean): Promise<File | null> {
  const asking = handle as Asking
  const wish = { mode: 'read' } as const
  const state = clicked ? await asking.requestPermission?.(wish) : await asking.queryPermission?.(wish)
  if (state !== undefined && state !== 'granted') return null
  return handle.getFile()
}

export interface Chosen {
  file: File
  path: string
  handle: FileSystemFileHandle | null
}

type Picking = typeof globalThis & {
  showOpenFilePicker?: (wish: { multiple: boolean }) => Promise<FileSystemFileHandle[]>
  showDirectoryPicker?: () => Promise<FileSystemDirectoryHandle>
}
const picking: Picking = globalThis

/** Has somebody choose files whose handles can be kept; null where the browser has none of these, or he chose nothing. */
export const canPick = (): boolean => !!picking.showOpenFilePicker && !!picking.showDirectoryPicker

export async function pickFiles(): Promise<Chosen[]> {
  const handles = await picking.showOpenFilePicker?.({ multiple: true }).catch(nothing)
  return Promise.all((handles ?? []).map(async (handle) => ({ file: await handle.getFile(), path: handle.name, handle })))
}

export async function pickFolder(): Promise<Chosen[]> {
  const folder = await picking.showDirectoryPicker?.().catch(nothing)
  return folder ? filesIn(folder, `${folder.name}/`) : []
}

/** Whoever closes the window of the browser wants nothing. */
function nothing(error: unknown): undefined {
  if ((error as DOMException).name !== 'AbortError') throw error
}

async function filesIn(folder: FileSystemDirectoryHandle, path: string): Promise<Chosen[]> {
  const found: Chosen[] = []
  for await (const one of (folder as unknown as { values(): AsyncIterable<FileSystemHandle> }).values()) {
    if (one.kind === 'file') found.push({ file: await (one as FileSystemFileHandle).getFile(), path: path + one.name, handle: one as FileSystemFileHandle })
    else found.push(...(await filesIn(one as FileSystemDirectoryHandle, `${path}${one.name}/`)))
  }
  return found
}

/** Files of what was dropped, also those of folders in folders. */
export async function filesOf(items: DataTransferItemList): Promise<Chosen[]> {
  type Dropped = DataTransferItem & { getAsFileSystemHandle?: () => Promise<FileSystemHandle | null> }
  // The list is empty after the first wait, so all is asked for before.
  const dropped = [...items].filter((item) => item.kind === 'file').map((item: Dropped) => ({ entry: item.webkitGetAsEntry(), handle: item.getAsFileSystemHandle?.().catch(() => null) }))
  const found: Chosen[] = []
  for (const { entry, handle } of dropped) {
    const there = await handle
    if (there?.kind === 'file') found.push({ file: await (there as FileSystemFileHandle).getFile(), path: there.name, handle: there as FileSystemFileHandle })
    else if (there) found.push(...(await filesIn(there as FileSystemDirectoryHandle, `${there.name}/`)))
    else await walk(entry, '', found)
  }
  return found
}

async function walk(entry: FileSystemEntry | null, path: string, found: Chosen[]): Promise<void> {
  if (entry?.isFile) {
    const file = await new Promise<File>((yes, no) => (entry as FileSystemFileEntry).file(yes, no))
    found.push({ file, path: path + file.name, handle: null })
  } else if (entry?.isDirectory) {
    const reader = (entry as FileSystemDirectoryEntry).createReader()
    let some: FileSystemEntry[]
    do {
      some = await new Promise<FileSystemEntry[]>((yes, no) => reader.readEntries(yes, no))
      for (const one of some) await walk(one, `${path}${entry.name}/`, found)
    } while (some.length)
  }
}
