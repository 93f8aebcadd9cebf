// What a view shows of the library: read when it opens, and again when the library has changed, or the server is back that could
// not be reached. What is shown stays until the other comes, with the place, the focus and whatever somebody types beside it.
import { untrack } from 'svelte'
import { mayComeLater, said } from '../api/client'
import { live } from '../api/live.svelte'

/** Looks again whenever the library is another one, and when the server is back if the last look failed. Called while a view is made. */
export function renewed(look: () => unknown, hasFailed: () => unknown): void {
  let known = live.library
  $effect(() => {
    const now = live.library
    // What is told first is what was read.
    if (known && known !== now) untrack(look)
    known = now
  })
  $effect(() => live.onBack(() => hasFailed() && look()))
}

export class Reading<T> {
  value = $state.raw<T | null>(null)
  failed = $state('')
  #looks = 0
  #comesLater = false

  constructor(private readonly read: () => Promise<T>) {
    void this.#look()
    renewed(() => this.#look(), () => this.#comesLater)
  }

  async #look(): Promise<void> {
    const mine = ++this.#looks
    const answer = await this.read().then((value) => ({ value, failed: '', later: false }), (error) => ({ value: this.value, failed: said(error), later: mayComeLater(error) }))
    // A later look knows better.
    if (mine === this.#looks) [this.value, this.failed, this.#comesLater] = [answer.value, answer.failed, answer.later]
  }
}
