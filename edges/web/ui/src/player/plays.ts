// Plays, which the server counts.
import { api, type Track } from '../api/client'
import { live } from '../api/live.svelte'
import { session } from '../api/session.svelte'

/** Tells of a play, also when the server is away for a while, unless somebody else sits here then. */
export async function countPlay({ id }: Track): Promise<void> {
  const listener = session.user?.id
  const tell = () => api.POST('/tracks/{id}/plays', { params: { path: { id } } }).catch(() => null)
  while (session.user?.id === listener && !(await tell())) await live.back(new AbortController().signal)
}
