// The things that rest on an image, told before it goes.
import { expect, findings, signIn, test as base } from './acts'
import { type Furnished, Service } from './service'

/** A deployment where images are offered to any project. */
const test = base.extend<object, { open: Furnished & { service: Service } }>({
  open: [
    async ({}, use) => {
      const service = await Service.start('[sharing]\nscope = "any"\n')
      try {
        await use({ service, ...(await service.furnish()) })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

test('before an image is deleted or deactivated it is told what rests on it', async ({ page, open }) => {
  const { service, projects } = open
  const token = await service.alice()
  const image = await service.microImage(token, { name: 'rested-on' })
  await service.ask(token, `/effigy/v1/images/${image}/shares`, 'POST', { project: projects.batch })
  await service.ask(token, `/effigy/v1/images/${image}/shares`, 'POST', { project: projects.other })
  const instance = await service.launched(token, 'resting', image)
  await service.launched(await service.alice('batch'), 'elsewhere', image)
  await service.image(token, { name: 'made-from-it', base_image_ref: image })
  await signIn(page, `${service.url}/images/${image}?tab=uses`)
  const ifDeleted = page.getByRole('region', { name: 'If it is deleted' })
  await expect(ifDeleted).toContainText('One instance in another project was launched from it and goes on.')
  await expect(ifDeleted).toContainText('One offer that waits for an answer is gone.')
  await expect(ifDeleted).toContainText(/come free/)
  expect(await findings(page)).toEqual([])

  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Deactivate' }).click()
  const deactivate = page.getByRole('dialog', { name: 'Deactivate this image?' })
  await expect(deactivate).toContainText('One project that it is shared with cannot use it meanwhile: batch.')
  await expect(deactivate).toContainText('None of these instances can be rebuilt from it meanwhile.')
  await deactivate.getByRole('button', { name: 'Deactivate' }).click()
  await expect(deactivate).toHaveCount(0)
  await expect(page.getByText('Deactivated').first()).toBeVisible()

  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  const dialog = page.getByRole('dialog', { name: 'Delete this image?' })
  await expect(dialog).toContainText('One project that it is shared with loses it: batch.')
  await expect(dialog).toContainText('One image of this project was made from it and stays: made-from-it')
  await expect(dialog).toContainText('None of these instances can be rebuilt from it any more.')
  expect(await findings(page)).toEqual([])
  // A link leaves the question behind.
  await dialog.getByRole('link', { name: 'resting' }).click()
  await expect(page).toHaveURL(new RegExp(`/instances/${instance}`))
  await expect(dialog).toHaveCount(0)
})
