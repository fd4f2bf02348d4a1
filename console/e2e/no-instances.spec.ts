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

test('without instances the console has only images, and says why the rest is missing', async ({ page, quiet }) => {
  const { service } = quiet
  await service.microImage(await service.alice(), { name: 'mine' })
  await signIn(page, service.url)
  await expect(page).toHaveURL(/\/images/)
  await expect(page.getByRole('navigation').getByRole('link')).toHaveText(['Images'])
  await page.goto(`${service.url}/instances`)
  await expect(page.getByText('This deployment runs no instances.')).toBeVisible()
  await page.getByRole('main').getByRole('link', { name: 'Images' }).click()
  await expect(page).toHaveURL(/\/images/)
})
