// Short words at the edge of the page: what was done, and what went wrong.
import { said } from '../api/client'

interface Notice {
  id: number
  text: string
  bad: boolean
}

const SHOWN_MS = 6_000

class Notices {
  all = $state<Notice[]>([])
  #last = 0

  say(text: string, bad = false): void {
    const id = ++this.#last
    this.all = [...this.all.slice(-2), { id, text, bad }]
    setTimeout(() => this.drop(id), SHOWN_MS)
  }

  fail(error: unknown): void {
    this.say(said(error), true)
  }

  drop(id: number): void {
    this.all = this.all.filter((notice) => notice.id !== id)
  }
}

export const notices = new Notices()

/** Does something that may be refused, and says so when it is. */
export async function attempt(what: () => Promise<unknown>): Promise<boolean> {
  try {
    await what()
    return true
  } catch (error) {
    notices.fail(error)
    return false
  }
}
