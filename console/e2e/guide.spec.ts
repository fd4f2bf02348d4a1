import { additional, expect, LAPTOP, launch, row, select, signInByForm, slowly, test, to, toProject } from './acts'

// The guide in Firefox has a wide window and a fast line.
test.use({ viewport: LAPTOP })

test('the whole guide by clicks, on a small laptop with a slow line', async ({ page, cloud }) => {
  test.setTimeout(300_000)
  await slowly(page)
  await signInByForm(page, cloud.service.url)

  await test.step('an instance is launched from a Public image', async () => {
    await launch(page, 'server-1', 'micro', 'Public')
    await expect(row(page, 'server-1')).toContainText('Running')
  })

  await test.step('Create image on a running instance says to shut it down first', async () => {
    await select(page, 'server-1')
    await additional(page, 'Create image')
    const dialog = page.getByRole('dialog', { name: 'Create image' })
    await expect(dialog).toContainText('Shut it down first')
    await expect(dialog.getByRole('button', { name: 'Create image', exact: true })).toHaveCount(0)
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await expect(dialog).toBeHidden()
  })

  await test.step('it is shut down, and the status shows it', async () => {
    await additional(page, 'Instance shutdown')
    await expect(row(page, 'server-1')).toContainText('Stopped')
  })

  await test.step('an image is created of it, and asks for a name alone', async () => {
    await additional(page, 'Create image')
    const dialog = page.getByRole('dialog', { name: 'Create image' })
    await expect(dialog.getByRole('textbox')).toHaveCount(1)
    await dialog.getByLabel('Name').fill('golden')
    await dialog.getByRole('button', { name: 'Create image' }).click()
    await expect(dialog).toBeHidden()
  })

  await test.step('it appears under Images and becomes ready', async () => {
    await to(page, 'Images')
    await page.getByRole('tab', { name: 'Private' }).click()
    await expect(row(page, 'golden')).toContainText('Ready')
    await expect(row(page, 'golden')).toContainText('Private')
  })

  await test.step('it is shared with two projects at once', async () => {
    await select(page, 'golden')
    await page.getByRole('button', { name: 'Share with other projects' }).click()
    const dialog = page.getByRole('dialog', { name: 'Share image' })
    const mine = dialog.getByRole('list', { name: 'Projects', exact: true })
    const shared = dialog.getByRole('list', { name: 'Shared projects' })
    await expect(mine.getByRole('button', { name: 'other' })).toHaveCount(0)
    await mine.getByRole('button', { name: 'batch' }).click()
    await mine.getByRole('button', { name: 'night' }).click()
    await expect(shared.getByRole('button')).toHaveCount(2)
    await dialog.getByRole('button', { name: 'Share with other projects' }).click()
    await expect(dialog.getByRole('status')).toContainText('Shared with batch')
    await expect(dialog.getByRole('status')).toContainText('Shared with night')
    await dialog.getByRole('button', { name: 'Close' }).last().click()
    await expect(row(page, 'golden')).toContainText('Shared')
  })

  await test.step('in the other project it is under Shared images, and cannot be shared on', async () => {
    await toProject(page, 'batch')
    await page.getByRole('tab', { name: 'Shared images' }).click()
    await expect(row(page, 'golden')).toContainText('web')
    await select(page, 'golden')
    await expect(page.getByRole('button', { name: 'Share with other projects' })).toBeDisabled()
  })

  await test.step('three copies are launched in one go, and each boots', async () => {
    await to(page, 'Instances')
    await launch(page, 'clone', 'golden', 'Shared images', 3)
    for (const name of ['clone-1', 'clone-2', 'clone-3']) {
      await expect(row(page, name)).toContainText('Running')
    }
    for (const name of ['clone-1', 'clone-2', 'clone-3']) {
      await page.getByRole('link', { name, exact: true }).click()
      // The label says which disk it booted from, the number that the original had booted once before.
      await expect(page.getByRole('log')).toContainText('MICRO-READY micro 0002 OK')
      await to(page, 'Instances')
    }
  })
})
