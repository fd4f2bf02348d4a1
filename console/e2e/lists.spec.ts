// Lists that somebody works with: filters, pages both ways, columns, ranges, files, and the way to a thing by its name.
import { readFileSync } from 'node:fs'
import type { Page } from '@playwright/test'
import { expect, findings, row, settled, signIn, test as base } from './acts'
import { type Furnished, Service } from './service'

/** A service whose project *web* has sixty images of several sorts. */
const test = base.extend<object, { many: Furnished & { service: Service } }>({
  many: [
    async ({}, use) => {
      const service = await Service.start()
      try {
        const furnished = await service.furnish()
        const token = await service.alice()
        for (let n = 0; n < 60; n += 1) {
          await service.image(token, { name: `build-${String(n).padStart(2, '0')}`, os_distro: n % 2 ? 'debian' : 'windows', tags: n % 10 ? [] : ['nightly'] })
        }
        await service.image(token, { name: 'open-to-all', visibility: 'community' })
        await service.image(token, { name: 'out-of-sight', os_hidden: true })
        await service.image(token, { name: '=1+1' })
        await service.image(await service.token('bob', 'correct horse battery staple', 'other'), { name: 'open-of-bob', visibility: 'community' })
        await use({ service, ...furnished })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

async function open(page: Page, service: Service, query = '') {
  await signIn(page, `${service.url}/images?kind=private${query}`)
  await settled(page)
}

const names = (page: Page) => page.locator('tr.ant-table-row .name-cell a').allTextContents()

test('filters are chips in the address, and each goes by its own', async ({ page, many }) => {
  await open(page, many.service)
  await page.getByRole('button', { name: 'Filter', exact: true }).click()
  const panel = page.getByRole('group', { name: 'Filter' })
  await panel.getByLabel('Tag').fill('nightly')
  await expect(page.getByRole('button', { name: 'Remove the filter Tag: nightly' })).toBeVisible()
  await panel.getByLabel('OS').fill('windows')
  await expect(page.getByRole('button', { name: 'Remove the filter OS: windows' })).toBeVisible()
  await expect(page.getByRole('tab', { name: /Private/ })).toContainText('6')
  expect(new URL(page.url()).searchParams.get('tag')).toBe('nightly')
  await page.getByRole('button', { name: 'Remove the filter Tag: nightly' }).click()
  await expect(page.getByRole('tab', { name: /Private/ })).toContainText('30')
  await page.reload()
  await expect(page.getByRole('button', { name: 'Remove the filter OS: windows' })).toBeVisible()
  expect(await findings(page)).toEqual([])
})

test('a search finds an image by its id, tag and system, and hidden and community images are found', async ({ page, many }) => {
  const { service } = many
  const { images } = await service.ask<{ images: { id: string }[] }>(await service.alice(), '/image/v2/images?name=build-07')
  await open(page, service)
  const search = page.getByLabel('Search name, ID, OS, tag')
  await search.fill(images[0]?.id ?? '')
  await expect(page.locator('tr.ant-table-row')).toHaveCount(1)
  await expect(row(page, 'build-07')).toBeVisible()
  await search.fill('nightly')
  await expect(page.locator('tr.ant-table-row')).toHaveCount(6)
  await search.fill('')
  await expect(row(page, 'out-of-sight')).toHaveCount(0)
  await page.getByRole('button', { name: 'Filter', exact: true }).click()
  await page.getByLabel('Hidden images').click()
  await expect(row(page, 'out-of-sight')).toBeVisible()
  await page.getByRole('button', { name: 'Remove the filter Hidden images' }).click()
  await page.getByLabel('Visibility').click()
  await page.locator('.ant-select-item-option').filter({ hasText: 'Community' }).click()
  await expect(row(page, 'open-to-all')).toBeVisible()
  await expect(page.locator('tr.ant-table-row')).toHaveCount(1)
  await page.getByRole('button', { name: /^Remove the filter Visibility/ }).click()
  await page.getByRole('tab', { name: /Community/ }).click()
  await expect(row(page, 'open-of-bob')).toBeVisible()
})

test('pages are turned both ways, and say which rows of how many they have', async ({ page, many }) => {
  await open(page, many.service, '&sort=name:asc')
  const range = page.locator('.pager [role=status]')
  await expect(range).toHaveText('1–25 of 62')
  await page.getByRole('button', { name: 'Next page' }).click()
  await expect(range).toHaveText('26–50 of 62')
  const second = await names(page)
  await page.getByRole('button', { name: 'Next page' }).click()
  await expect(range).toHaveText('51–62 of 62')
  await expect(page.getByRole('button', { name: 'Next page' })).toBeDisabled()
  await page.getByRole('button', { name: 'Previous page' }).click()
  await expect(range).toHaveText('26–50 of 62')
  await settled(page)
  expect(await names(page)).toEqual(second)
  await page.getByRole('button', { name: 'Previous page' }).click()
  await expect(range).toHaveText('1–25 of 62')
  await expect(page.getByRole('button', { name: 'Previous page' })).toBeDisabled()
  expect(new URL(page.url()).searchParams.get('before')).toBeNull()
})

test('columns that are chosen stay, and a range is ticked with shift', async ({ page, many }) => {
  await open(page, many.service)
  await page.getByRole('button', { name: 'Columns' }).click()
  const panel = page.getByRole('group', { name: 'Columns' })
  await panel.getByLabel('ID').check()
  await panel.getByLabel('Size').uncheck()
  await expect(page.getByRole('columnheader', { name: 'ID' })).toBeVisible()
  await page.reload()
  await settled(page)
  await expect(page.getByRole('columnheader', { name: 'ID' })).toBeVisible()
  await expect(page.getByRole('columnheader', { name: 'Size' })).toHaveCount(0)
  await page.getByRole('button', { name: 'Columns' }).click()
  await page.getByRole('button', { name: 'As usual' }).click()
  await expect(page.getByRole('columnheader', { name: 'Size' })).toBeVisible()
  const boxes = page.locator('tr.ant-table-row').getByRole('checkbox')
  await boxes.nth(2).click()
  await boxes.nth(7).click({ modifiers: ['Shift'] })
  await expect(page.getByText('6 selected')).toBeVisible()
})

test('the filtered list is saved as CSV, whole and inert', async ({ page, many }) => {
  await open(page, many.service)
  const save = async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as CSV' }).click()])
    return readFileSync(await download.path(), 'utf8').trim().split('\r\n')
  }
  const whole = await save()
  expect(whole).toHaveLength(63)
  expect(whole.filter((line) => line.includes(",'=1+1,"))).toHaveLength(1)
  await page.getByLabel('Search name, ID, OS, tag').fill('nightly')
  await expect(page.locator('tr.ant-table-row')).toHaveCount(6)
  expect(await save()).toHaveLength(7)
})

test('Ctrl+K leads to pages, images and instances by their names', async ({ page, many }) => {
  const { service, image } = many
  const id = await service.stopped(await service.alice(), 'palette-server', image)
  await open(page, service)
  await page.keyboard.press('Control+k')
  const dialog = page.getByRole('dialog', { name: 'Go to a page, an image or an instance' })
  const search = dialog.getByRole('combobox')
  await expect(search).toBeFocused()
  await page.keyboard.type('key p')
  await expect(dialog.getByRole('option')).toHaveText(['Key pairs'])
  await search.fill('build-4')
  await expect(dialog.getByRole('option')).toHaveCount(6)
  expect(await findings(page)).toEqual([])
  await search.fill('palette-s')
  await expect(dialog.getByRole('option', { name: 'palette-server' })).toBeVisible()
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(new RegExp(`/instances/${id}`))
  await expect(dialog).toHaveCount(0)
  await page.getByRole('button', { name: 'Go to' }).click()
  await expect(search).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('button', { name: 'Go to' })).toBeFocused()
})
