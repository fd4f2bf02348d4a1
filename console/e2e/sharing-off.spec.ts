import { expect, select, signIn, test as base, to } from './acts'
import { type Furnished, Service } from './service'

/** A deployment that does not share: the government edition of the guide. */
const test = base.extend<object, { apart: Furnished & { service: Service } }>({
  apart: [
    async ({}, use) => {
      const service = await Service.start('[sharing]\nscope = "off"\n')
      try {
        await use({ service, ...(await service.furnish()) })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

test('without sharing there are two kinds of image, no button, and the reason', async ({ page, apart }) => {
  const { service } = apart
  const token = await service.alice()
  const id = await service.microImage(token, { name: 'mine' })
  await signIn(page, service.url)
  await to(page, 'Images')
  await expect(page.getByRole('tab')).toHaveText([/^Public/, /^Private/])
  await expect(page.getByText('This deployment does not share images between projects.')).toBeVisible()
  await select(page, 'mine')
  await expect(page.getByRole('button', { name: 'Share with other projects' })).toHaveCount(0)
  // An address that somebody kept does not bring the tab back.
  await page.goto(`${service.url}/images?kind=shared`)
  await expect(page.getByRole('tab', { name: 'Private' })).toHaveAttribute('aria-selected', 'true')
  await page.goto(`${service.url}/images/${id}`)
  await expect(page.getByRole('heading', { name: 'mine' })).toBeVisible()
  await expect(page.getByRole('button', { name: 'Share with other projects' })).toHaveCount(0)
  await page.goto(`${service.url}/launch`)
  await expect(page.getByRole('tab', { name: 'Private' })).toBeVisible()
  await expect(page.getByRole('tab', { name: 'Shared images' })).toHaveCount(0)
  const refused = service.ask(token, `/image/v2/images/${id}/members`, 'POST', { member: apart.projects.batch })
  await expect(refused).rejects.toThrow(/403/)
})
