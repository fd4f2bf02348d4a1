import { expect, signIn, test as base } from './acts'
import { Service } from './service'

/** A deployment that keeps images and runs nothing. */
const test = base.extend<object, { quiet: { service: Service; admin: string } }>({
  quiet: [
    async ({}, use) => {
      const service = await Service.start('enabled = false\n')
      try {
        await use({ service, admin: (await service.furnish()).admin })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

test('without instances the console has only images and channels, and says why the rest is missing', async ({ page, quiet }) => {
  const { service } = quiet
  await service.microImage(await service.alice(), { name: 'mine' })
  await signIn(page, service.url)
  await expect(page.getByText('This deployment runs no instances.')).toBeVisible()
  await expect(page.getByRole('navigation').getByRole('link')).toHaveText(['Home', 'Images', 'Channels'])
  await page.getByRole('main').getByRole('link', { name: 'Home' }).click()
  // The usage is of images alone.
  await expect(page.getByRole('progressbar')).toHaveCount(2)
  await expect(page.getByRole('button', { name: 'Launch instance' })).toHaveCount(0)
})
