// What is pressed rarely: secrets of one's own, and what admins do with people and with the server.
import { go, open, place, signIn, told, until } from './page-window.mjs'

const row = (page, words) => page.getByRole('listitem').filter({ hasText: words })

export const admin = {
  /** A password for an app and a key for a program are made, shown once, used, and taken back. */
  async secrets() {
    // What was taken back opens nothing.
    const page = await open({}, (what) => /status 401|status of 401/.test(what))
    await signIn(page)
    await go(page, 'account')
    const seen = {}
    for (const [kind, field, button] of [
      ['app', 'Which app the new password is for', 'Make an app password'],
      ['key', 'What the new key is for', 'Make a key'],
    ]) {
      const label = `For the ${kind}`
      await page.getByLabel(field).fill(label)
      await page.getByRole('button', { name: button }).click()
      const dialog = page.getByRole('dialog')
      const words = await dialog.innerText()
      const secret = await dialog.locator('.address code').textContent()
      await dialog.getByRole('button', { name: 'I have it' }).click()
      // Without the page's cookie, so that it is the secret that opens the door.
      const enter = () => page.evaluate(async ({ kind, name, secret }) => {
        const wish = { credentials: 'omit', headers: kind === 'key' ? { Authorization: `Bearer ${secret}` } : {} }
        const query = new URLSearchParams({ u: name, p: secret, v: '1.16.1', c: 'scene', f: 'json' })
        const answer = await fetch(kind === 'key' ? '/playlists' : `/rest/ping.view?${query}`, wish)
        return kind === 'key' ? answer.status : (await answer.json())['subsonic-response'].status
      }, { kind, name: told.name, secret })
      const opened = await enter()
      await page.reload()
      await row(page, label).waitFor()
      const again = await page.getByText(secret).count()
      await page.getByRole('button', { name: `Revoke ${label}` }).click()
      await until(async () => (await row(page, label).count()) === 0, 'its end')
      seen[kind] = { words, opened, again, shut: await enter() }
    }
    return seen
  },

  /** Somebody is added, gets another password, which ends his sessions, and is removed with all that is his. */
  async staff() {
    const page = await open()
    await signIn(page)
    await go(page, 'server/users')
    await page.getByRole('button', { name: 'Add a user' }).click()
    const adding = page.getByRole('dialog')
    await adding.getByLabel('Name').fill(told.user)
    await adding.getByLabel('Password, at least').fill(told.password_at_first)
    await adding.getByRole('button', { name: 'Add', exact: true }).click()
    await row(page, told.user).waitFor()
    const theirs = await open()
    await signIn(theirs, told.user, told.password_at_first)
    const change = page.getByRole('button', { name: `Change ${told.user}` })
    await change.click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('New password').fill(told.password_later)
    await dialog.getByRole('button', { name: 'Set the password' }).click()
    await theirs.locator('[name=password]').waitFor()
    await signIn(theirs, told.user, told.password_later)
    await dialog.getByRole('button', { name: /and all that is theirs$/ }).click()
    await dialog.getByRole('button', { name: `Remove ${told.user}`, exact: true }).click()
    await theirs.locator('[name=password]').waitFor()
    await until(async () => (await change.count()) === 0, 'one fewer')
    return { left: await page.getByRole('button', { name: /^Change / }).count() }
  },

  /** A scan is begun and finds what has come; the cache is purged; somebody's stream is stopped. */
  async tends() {
    // What is stopped in the middle is a request that failed.
    const [page, listener] = [await open(), await open({}, (what) => /ERR_INCOMPLETE|ERR_CONNECTION|ERR_CONTENT_LENGTH|ERR_FAILED/.test(what))]
    await signIn(listener, told.listener.name, told.listener.password)
    await signIn(page)
    await go(page, 'server/libraries')
    const empty = page.getByText('Nothing is kept yet')
    const kept = await empty.count()
    await page.getByRole('button', { name: 'Purge everything' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Purge', exact: true }).click()
    const freed = await page.getByText(/went, and .* are free again/).textContent()
    await empty.waitFor()
    const scans = page.waitForResponse((answer) => answer.request().method() === 'POST' && answer.url().endsWith('/scan'))
    await page.getByRole('button', { name: 'Scan now' }).click()
    await scans
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.added}` }).waitFor()
    await go(listener, 'songs')
    await listener.getByRole('button', { name: `Play ${told.long}` }).click()
    await until(async () => (await place(listener)) > 0.3, 'time')
    await go(page, 'server')
    await page.getByRole('button', { name: new RegExp(`^Stop .*${told.listener.name}$`) }).first().click()
    await page.getByRole('heading', { name: 'No stream' }).waitFor()
    return { kept, freed }
  },
}
