// The edges of the usual: too large, too many, too far down the page, and the question before something harmful.
import { additional, expect, LAPTOP, row, select, signIn, test as base, to } from './acts'
import { type Furnished, Service } from './service'

const MIB = 1 << 20

/** A service with little room for images, more than a hundred of them, and alice in more projects than a dialog shows at once. */
const test = base.extend<object, { edge: Furnished & { service: Service } }>({
  edge: [
    async ({}, use) => {
      const service = await Service.start('[quota]\nimage_bytes = 20971520\n')
      try {
        const furnished = await service.furnish()
        const { admin } = furnished
        const token = await service.alice()
        const { users } = await service.ask<{ users: { id: string }[] }>(admin, '/identity/v3/users?name=alice')
        const { roles } = await service.ask<{ roles: { id: string }[] }>(admin, '/identity/v3/roles?name=member')
        for (let n = 1; n <= 8; n += 1) {
          const { project } = await service.ask<{ project: { id: string } }>(admin, '/identity/v3/projects', 'POST', { project: { name: `team-${n}` } })
          await service.ask(admin, `/identity/v3/projects/${project.id}/users/${users[0]?.id}/roles/${roles[0]?.id}`, 'PUT')
        }
        for (let n = 0; n < 101; n += 1) await service.image(token, { name: `small-${n}` }, new Uint8Array(512))
        await use({ service, ...furnished })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

test('a file that the quota has no room for is refused before its first byte', async ({ page, edge }) => {
  const { service } = edge
  await signIn(page, `${service.url}/images?kind=private`)
  await page.getByRole('button', { name: 'Upload image' }).click()
  const dialog = page.getByRole('dialog', { name: 'Upload image' })
  await dialog.locator('input[type=file]').setInputFiles(service.zeros('large.raw', 21 * MIB))
  await expect(dialog.getByRole('alert')).toContainText('The file has 21 MiB; the quota of this project has')
  await expect(dialog.getByRole('button', { name: 'Upload', exact: true })).toBeDisabled()
})

test('a picker that shows a part says of how many', async ({ page, edge }) => {
  const { service } = edge
  await signIn(page, `${service.url}/launch`)
  await page.getByRole('tab', { name: 'Private' }).click()
  await expect(page.getByText(/100 of 101/)).toBeVisible()
})

test('the button that shares stays in sight, however many projects are chosen', async ({ page, edge }) => {
  const { service } = edge
  await page.setViewportSize(LAPTOP)
  await signIn(page, `${service.url}/images?kind=private&search=small-7`)
  await select(page, 'small-7')
  await page.getByRole('button', { name: 'Share with other projects' }).click()
  const dialog = page.getByRole('dialog', { name: 'Share image' })
  for (let n = 1; n <= 8; n += 1) await dialog.getByRole('list', { name: 'Projects', exact: true }).getByRole('button', { name: `team-${n}` }).click()
  await expect(dialog.getByRole('button', { name: 'Share with other projects' })).toBeInViewport({ ratio: 1 })
})

test('an image takes the same in a list as on its page', async ({ page, edge }) => {
  const { service } = edge
  await page.setViewportSize({ width: 1600, height: 860 })
  await signIn(page, `${service.url}/images?kind=private&search=small-42`)
  await expect(row(page, 'small-42')).toContainText('Ready')
  const stored = (await row(page, 'small-42').getByRole('cell').allTextContents()).filter((text) => / (B|KiB)$/.test(text)).at(-1)
  await page.getByRole('link', { name: 'small-42', exact: true }).click()
  await page.getByRole('tab', { name: 'Storage' }).click()
  await expect(page.locator('dt', { hasText: 'Stored, compressed' }).locator('xpath=following-sibling::dd[1]')).toHaveText(stored ?? 'a number')
})

test('a restart that loses what is not written asks first, and the navigation stays where it is', async ({ page, edge }) => {
  const { service, image } = edge
  const token = await service.alice()
  const id = await service.instance(token, 'asked-first', image)
  await signIn(page, `${service.url}/instances/${id}`)
  await additional(page, 'Force restart')
  const question = page.getByRole('dialog', { name: 'Force this instance to restart?' })
  await expect(question).toContainText('Data it has not written is lost.')
  await question.getByRole('button', { name: 'Cancel' }).click()
  await expect(question).toHaveCount(0)
  await page.setViewportSize({ width: 1360, height: 420 })
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Home' })).toBeInViewport()
  await to(page, 'Home')
  await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
})
