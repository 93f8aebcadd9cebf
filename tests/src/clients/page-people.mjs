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

  /** An admin chooses quickly what somebody sees; a choice that does not arrive is taken back. */
  async chooses() {
    const page = await open({}, (what) => /ERR_FAILED/.test(what))
    await signIn(page)
    await go(page, 'server/users')
    await page.getByRole('button', { name: `Change ${told.user}` }).click()
    const boxes = page.getByRole('group', { name: 'Sees these libraries' })
    const box = (name) => boxes.getByRole('checkbox', { name })
    const ticked = boxes.getByRole('checkbox', { checked: true })
    const given = () => page.evaluate(async (name) => {
      const { users } = await (await fetch('/users')).json()
      return users.find((user) => user.name === name).libraries
    }, told.user)
    await box('All').click()
    await box(told.libraries[0]).waitFor()
    await until(async () => (await ticked.count()) ? ticked.first().click() : (await given())?.length === 0, 'no library')
    // Both are ticked before the first answer is there.
    const [url, answers] = ['**/users/us-*', []]
    await page.route(url, async (route) => {
      answers.push(route.request().postDataJSON())
      await until(async () => (await ticked.count()) === told.libraries.length, 'both')
      await route.continue()
    })
    for (const name of told.libraries) await box(name).click()
    await until(() => answers.length === told.libraries.length, 'both changes')
    await page.unroute(url, { behavior: 'wait' })
    const seen = await until(async () => { const now = await given(); return now.length === answers.at(-1).libraries.length && now }, 'what was chosen last')
    await page.route(url, (route) => route.abort())
    await box(told.libraries[0]).click()
    await page.getByText('cannot be reached').waitFor()
    await until(() => box(told.libraries[0]).isChecked(), 'the box as it was')
    return { seen, names: await boxes.getByRole('checkbox').evaluateAll((boxes) => boxes.map((box) => box.parentElement.innerText.trim())) }
  },

  /** Somebody gives a star and goes; who comes then has given none. */
  async stars() {
    const page = await open()
    await signIn(page)
    const star = page.getByRole('button', { name: `Star ${told.song}` })
    await go(page, 'songs')
    const given = page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.url().includes('/stars/'))
    await star.click()
    await (await given).finished()
    const mine = await star.getAttribute('aria-pressed')
    // In another window it is taken away; rows that are read after that know it.
    await page.evaluate((id) => fetch(`/stars/${id}`, { method: 'DELETE' }), told.song_id)
    await go(page, 'albums')
    await page.getByRole('heading', { level: 1, name: 'Albums' }).waitFor()
    await go(page, 'songs')
    await until(async () => (await star.getAttribute('aria-pressed')) === 'false', 'no star')
    await star.click()
    await until(async () => (await star.getAttribute('aria-pressed')) === 'true', 'a star')
    await go(page, 'account')
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.fill('[name=name]', told.other.name)
    await page.fill('[name=password]', told.other.password)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor()
    await go(page, 'songs')
    return { mine, other: await star.getAttribute('aria-pressed') }
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
