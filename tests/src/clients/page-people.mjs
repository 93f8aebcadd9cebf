// What people see of themselves and of each other.
import { go, open, place, signIn, told, until } from './page-window.mjs'

export const people = {
  /** One window changes the password, and the other one is shown the door. */
  async password() {
    const [mine, other] = [await open(), await open()]
    await signIn(mine)
    await signIn(other)
    await go(mine, 'account')
    await mine.getByLabel('Current password').fill(told.password)
    await mine.getByLabel('New password, at least').fill(told.renewed)
    await mine.getByRole('button', { name: 'Change it' }).click()
    await mine.getByText('every other session has ended').waitFor()
    await other.locator('[name=password]').waitFor()
    await mine.reload()
    await mine.getByRole('heading', { level: 1 }).waitFor()
    return { mine: await mine.getByRole('heading', { level: 1 }).textContent() }
  },

  /** What somebody has going on is shown to him and to admins alone, and ends at a click; so does another session of his. */
  async goings() {
    const [page, admin, third] = [await open(), await open(), await open()]
    await signIn(page)
    await signIn(third)
    await signIn(admin, told.admin.name, told.admin.password)
    await page.evaluate(() => fetch('/uploads', { method: 'POST', headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '1000', 'Upload-Metadata': `filename ${btoa('Slow.wav')}` } }))
    await go(page, 'songs')
    await page.getByRole('button', { name: `Play ${told.long}` }).click()
    await until(async () => (await place(page)) > 0.3, 'time')
    await go(page, 'account')
    await go(admin, 'server')
    const rows = (where, list) => where.getByRole('list', { name: list }).getByRole('listitem')
    const mine = await until(async () => (await rows(page, 'Uploads under way').count()) === 1 && (await rows(page, 'Uploads under way').innerText()), 'my upload')
    const seen = await until(async () => (await rows(admin, 'Uploads under way').count()) === 1 && (await rows(admin, 'Uploads under way').innerText()), 'an upload for the admin')
    await admin.getByRole('button', { name: 'Cancel the upload Slow.wav' }).click()
    await until(async () => (await rows(page, 'Uploads under way').count()) === 0, 'its end')
    await page.getByRole('button', { name: /^Sign out .+/ }).click()
    await third.locator('[name=password]').waitFor()
    return { mine, seen }
  },

  /** Lists of what goes on that are longer than a page are turned, to the last row of all, which is stopped. */
  async turned() {
    const page = await open()
    await signIn(page)
    await go(page, told.view)
    const list = page.getByRole('list', { name: 'Uploads under way' })
    const pages = page.getByRole('navigation', { name: 'Pages of uploads' })
    const seen = []
    for (const place of told.places) {
      await pages.getByText(place).waitFor()
      seen.push(...(await until(async () => { const names = await list.locator('.name').allTextContents(); return names[0] !== seen.at(-names.length) && names }, place)))
      const next = pages.getByRole('button', { name: 'Next' })
      if (await next.isDisabled()) break
      await next.focus()
      await page.keyboard.press('Enter')
    }
    await page.getByRole('button', { name: `Cancel the upload ${seen.at(-1)}`, exact: true }).click()
    await pages.getByText(told.fewer).waitFor()
    await pages.getByRole('button', { name: 'Before' }).click()
    await pages.getByText(told.places.at(-2).replace(/of .*/, '')).waitFor()
    return { seen }
  },
}
