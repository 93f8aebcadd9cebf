// Who sits here.
import { api, asked, type User } from './client'

class Session {
  user = $state<User | null>(null)
  version = $state('')
  /** Whether the server has said who sits here. */
  known = $state(false)
  /** Why the server could not say it. */
  failed = $state<unknown>(null)

  get isAdmin(): boolean {
    return this.user?.role === 'admin'
  }

  async look(): Promise<void> {
    try {
      const answer = await asked(api.GET('/session'))
      this.user = answer.user ?? null
      this.version = answer.version
      this.failed = null
    } catch (error) {
      this.failed = error
    }
    this.known = true
  }

  async open(name: string, password: string): Promise<void> {
    const { user } = await asked(api.POST('/session', { body: { name, password } }))
    this.user = user
  }

  async close(): Promise<void> {
    await asked(api.DELETE('/session'))
    this.user = null
  }
}

export const session = new Session()

// A session may have ended elsewhere, which any answer may be the first to tell.
api.use({ onResponse: ({ response }) => void (response.status === 401 && session.user && session.look()) })
