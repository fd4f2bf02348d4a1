// The page of an image: it answers first, tells what it cannot know once, and draws what is better seen than read.
import type { Page } from '@playwright/test'
import { IMAGE_TABS } from '../src/paths'
import { expect, findings, settled, signIn, test } from './acts'
import { CARELESS, type Service } from './service'

const strip = (page: Page) => page.locator('dl.strip')

test('an image’s page says first what it is, and launches an instance of it', async ({ page, cloud }) => {
  const { service } = cloud
  const id = await service.verified(await service.alice(), { name: 'first-things' }, service.linuxDisk())
  await page.setViewportSize({ width: 1024, height: 640 })
  await signIn(page, `${service.url}/images/${id}`)
  await expect(page.locator('.page-head')).toContainText('Ready')
  for (const answer of ['Clean', 'debian 12', '8 MiB', 'Private', 'web']) await expect(strip(page)).toContainText(answer)
  await expect(strip(page)).toBeInViewport()
  await expect(page.getByRole('heading', { name: 'Contents' })).toBeInViewport()
  await page.getByRole('button', { name: 'Launch instance' }).click()
  await expect(page.locator('.chosen')).toContainText('first-things')
})

test('the part of an image’s page that is open is in its address', async ({ page, cloud }) => {
  const { service } = cloud
  const id = await service.verified(await service.alice(), { name: 'parts' }, service.linuxDisk(CARELESS))
  await signIn(page, `${service.url}/images/${id}`)
  await page.getByRole('tab', { name: 'Security report 4' }).click()
  expect(new URL(page.url()).searchParams.get('tab')).toBe('report')
  await page.reload()
  await expect(page.getByRole('region', { name: 'Security report' })).toContainText('/root/.ssh/id_rsa')
  await page.goto(`${service.url}/images/${id}?tab=no-such-part`)
  await expect(page.getByRole('tab', { name: 'Overview' })).toHaveAttribute('aria-selected', 'true')
})

test('a system that is not known is told once, and is nobody’s failure', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const id = await service.microImage(token, { name: 'strange' })
  await service.until('it is verified', async () => (await service.ask<{ verdict: unknown }>(token, `/effigy/v1/images/${id}/verification`)).verdict !== null)
  await signIn(page, `${service.url}/images?kind=private&search=strange`)
  await expect(page.getByRole('row', { name: /strange/ })).toContainText('Not recognized')
  await page.getByRole('link', { name: 'strange', exact: true }).click()
  await expect(page.getByText('the disk has no system that Effigy knows')).toHaveCount(1)
  await page.getByRole('tab', { name: 'Security report' }).click()
  await expect(page.getByRole('alert')).toContainText('does not recognize the system inside')
  await expect(page.getByText('Failed')).toHaveCount(0)
  // Where Public is at stake, the same says who answers for it.
  await page.goto(`${service.url}/images/${cloud.image}`)
  await expect(strip(page)).toContainText('By decision')
})

test('a record that contradicts its disk stands beside what was found', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const id = await service.verified(token, { name: 'mislabelled', os_distro: 'ubuntu', os_version: '12' }, service.linuxDisk())
  await signIn(page, `${service.url}/images/${id}`)
  await expect(page.getByRole('row', { name: 'Distribution ubuntu debian' })).toBeVisible()
  await expect(page.locator('.compared tbody tr')).toHaveCount(1)
})

test('findings of one kind are one row that opens, and one severity can be shown alone', async ({ page, cloud }) => {
  const { service } = cloud
  const more = { 'home/김/.ssh/id_ed25519': '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n' }
  const id = await service.verified(await service.alice(), { name: 'twice' }, service.linuxDisk({ ...CARELESS, ...more }))
  await signIn(page, `${service.url}/images/${id}?tab=report`)
  const card = page.getByRole('region', { name: 'Security report' })
  const key = card.getByRole('listitem').filter({ hasText: 'private_key' })
  await expect(key).toHaveCount(1)
  await expect(key.locator('summary')).toContainText('×2')
  await expect(key).toContainText('/home/김/.ssh/id_ed25519')
  const history = card.getByRole('listitem').filter({ hasText: 'shell_history' })
  await expect(history.getByText('What to do')).toBeHidden()
  await history.locator('summary').focus()
  await page.keyboard.press('Enter')
  await expect(history.getByText('What to do')).toBeVisible()
  await card.getByText('Medium', { exact: false }).first().click()
  await expect(key).toHaveCount(0)
  await expect(history).toBeVisible()
})

/** An image of an instance of an image of the micro guest. */
async function family(service: Service, base: string): Promise<string> {
  const token = await service.alice()
  const from = await service.stopped(token, 'of-family', base)
  const newest = { 'openstack-api-version': 'compute 2.96' }
  const { image_id: id } = await service.ask<{ image_id: string }>(token, `/compute/v2.1/servers/${from}/action`, 'POST', { createImage: { name: 'child' } }, newest)
  await service.until('child is ready', async () => (await service.ask<{ status: string }>(token, `/image/v2/images/${id}`)).status === 'active')
  return id
}

test('lineage and storage are pictures, whose images are links for the keyboard', async ({ page, cloud }) => {
  const { service } = cloud
  const parent = await service.microImage(await service.alice(), { name: 'parent' })
  const id = await family(service, parent)
  await signIn(page, `${service.url}/images/${id}?tab=storage`)
  await expect(page.getByRole('img', { name: /are this image’s alone, .* are shared/ })).toBeVisible()
  const lineage = page.getByRole('list', { name: 'Lineage' })
  await expect(lineage.getByRole('listitem')).toHaveText([/^parent/, /^child/])
  await expect(page.locator('figure.lineage path')).toHaveCount(1)
  await expect(page.locator('figure.lineage figcaption')).toHaveText('It was made from: parent. No image was made from it.')
  await lineage.getByRole('link', { name: 'parent' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'parent' })).toBeVisible()
  await expect(page.locator('figure.lineage figcaption')).toContainText('Made from it: child.')
  await page.getByRole('tab', { name: 'Used by 2' }).click()
  await expect(page.getByRole('region', { name: 'Instances launched from it' }).getByRole('link', { name: 'of-family' })).toBeVisible()
  await expect(page.getByRole('region', { name: 'Images made from it' }).getByRole('link', { name: 'child' })).toBeVisible()
})

test('no part of an image’s page is wider than its window, or has anything serious for axe', { tag: '@long' }, async ({ page, cloud }) => {
  test.setTimeout(400_000)
  const { service } = cloud
  const token = await service.alice()
  const name = 'an-image-with-a-rather-long-name-and-a-date-2026-11-27'
  const id = await service.verified(token, { name, os_distro: 'ubuntu', tags: ['one-tag', 'another-tag'] }, service.linuxDisk(CARELESS))
  await service.ask(token, `/image/v2/images/${id}`, 'GET')
  await signIn(page, service.url)
  for (const mode of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: mode, reducedMotion: 'reduce' })
    for (const width of [320, 768, 1440]) {
      await page.setViewportSize({ width, height: 860 })
      for (const tab of IMAGE_TABS) {
        await page.goto(`${service.url}/images/${id}?tab=${tab}`)
        await settled(page)
        const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
        expect(wide, `${tab} at ${width}`).toBeLessThanOrEqual(inner ?? 0)
        if (width !== 768) expect.soft(await findings(page), `${tab} at ${width}, ${mode}`).toEqual([])
      }
    }
  }
})
