// Channels: an image is promoted from its page, and the name leads back with one button.
import { expect, settled, signIn, test } from './acts'

test('an image is promoted from its page, and the channel goes back with a reason to nobody', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const first = await service.verified(token, { name: 'steady-1' }, service.linuxDisk())
  const second = await service.verified(token, { name: 'steady-2' }, service.linuxDisk())
  await page.setViewportSize({ width: 320, height: 720 })
  await signIn(page, service.url)
  await page.goto(`${service.url}/images/${first}`)
  await settled(page)
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Promote to a channel' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('steady')
  await dialog.getByRole('textbox', { name: 'Release notes' }).fill('the first one')
  await page.keyboard.press('Tab')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'steady' })).toBeVisible()
  await expect(page.getByText('the first one')).toBeVisible()

  await page.getByRole('button', { name: 'Promote' }).click()
  await dialog.getByRole('tab', { name: 'Private' }).click()
  await dialog.getByRole('radio', { name: 'steady-2' }).check()
  await dialog.getByRole('button', { name: 'Promote' }).click()
  const releases = page.getByRole('region', { name: 'Releases' })
  await expect(releases.getByRole('row', { name: /Release 2 .*Current/ })).toBeVisible()
  const named = async () => (await service.ask<{ images: { id: string }[] }>(token, '/image/v2/images?name=steady')).images.map(({ id }) => id)
  expect(await named()).toEqual([second])

  await page.getByRole('button', { name: 'Roll back' }).focus()
  await page.keyboard.press('Enter')
  await dialog.getByRole('button', { name: 'Roll back' }).click()
  await expect(releases.getByRole('row', { name: /Release 1 .*Current/ })).toBeVisible()
  expect(await named()).toEqual([first])
  await expect(page.getByText('alice rolled back to release 1')).toBeVisible()
})

test('an instance on an older release is rebuilt from the current one', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const [first, second] = [await service.microImage(token, { name: 'moving-1' }), await service.microImage(token, { name: 'moving-2' })]
  const reason = 'a guest of one sector'
  const { id } = await service.ask<{ id: string }>(token, '/effigy/v1/channels', 'POST', { name: 'moving', image: first, reason })
  await service.stopped(token, 'follower', first)
  await service.ask(token, `/effigy/v1/channels/${id}/actions/promote`, 'POST', { image: second, reason })
  await signIn(page, service.url)
  await page.goto(`${service.url}/channels/${id}`)
  const older = page.getByRole('region', { name: 'Instances on older releases' })
  await expect(older).toContainText('follower')
  await older.getByRole('button', { name: 'Rebuild from the current release' }).click()
  const dialog = page.getByRole('dialog', { name: 'Rebuild' })
  await expect(dialog.locator('.chosen')).toContainText('moving')
  await dialog.getByRole('checkbox').check()
  await dialog.getByRole('button', { name: 'Rebuild' }).click()
  await expect(older).toContainText('No instance of this project runs an older release.', { timeout: 60_000 })
})
