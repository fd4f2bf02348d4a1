import type { Page } from '@playwright/test'
import { IMAGE_TABS } from '../src/paths'
import { additional, expect, findings, row, select, settled, signIn, test } from './acts'

const PAGES = ['/', '/api-access', '/instances', '/launch', '/images?kind=public', '/images?kind=private', '/images?kind=shared', '/channels', '/key-pairs', '/activity', '/flavors', '/host', '/projects', '/users', '/audit', '/images?kind=all', '/instances?scope=all', '/images/00000000-0000-4000-8000-000000000000']

/** The admin's own project has something for the pages to show: an instance that runs, and its image. */
test.beforeAll(async ({ cloud }) => {
  const { service, admin, image } = cloud
  await service.instance(admin, 'axe-1', image)
})

/** Looks at it in both themes, which differ in their colours alone: the console follows the system. */
const clean = async (page: Page, where: string) => {
  for (const [colorScheme, rules] of [['light', undefined], ['dark', ['color-contrast', 'link-in-text-block']]] as const) {
    await page.emulateMedia({ colorScheme })
    await expect(page.locator('html')).toHaveAttribute('data-mode', colorScheme)
    await settled(page)
    expect.soft(await findings(page, rules && [...rules]), `${where}, ${colorScheme}`).toEqual([])
  }
}

/** Opens what `open` opens, looks at it, and closes it again. */
async function dialog(page: Page, name: string, open: () => Promise<void>) {
  await open()
  await expect(page.getByRole('dialog', { name })).toBeVisible()
  await clean(page, name)
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog', { name })).toBeHidden()
}

test('no page has anything serious for axe, light or dark', async ({ page, cloud }) => {
  test.setTimeout(600_000)
  const { service, image } = cloud
  await page.goto(`${service.url}/sign-in`)
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
  await clean(page, 'sign-in')
  await signIn(page, service.url, 'admin', service.adminPassword())
  for (const path of [...PAGES, ...IMAGE_TABS.map((tab) => `/images/${image}?tab=${tab}`)]) {
    await page.goto(service.url + path)
    await clean(page, path)
  }
  await page.goto(`${service.url}/instances`)
  await page.getByRole('link', { name: 'axe-1', exact: true }).click()
  for (const tab of ['Console log', 'Screen', 'Serial console', 'History']) {
    await page.getByRole('tab', { name: tab }).click()
    await clean(page, tab)
  }
})

test('no dialog and no menu has anything serious for axe, light or dark', { tag: '@long' }, async ({ page, cloud }) => {
  const { service, image } = cloud
  await signIn(page, service.url, 'admin', service.adminPassword())
  await select(page, 'axe-1')
  await page.getByRole('button', { name: 'Additional functions' }).click()
  await expect(page.getByRole('menuitem', { name: 'Create image' })).toBeVisible()
  await clean(page, 'Additional functions')
  await page.keyboard.press('Escape')
  await dialog(page, 'Create image', () => additional(page, 'Create image'))
  await dialog(page, 'Rename', () => additional(page, 'Rename'))
  await dialog(page, 'Resize instance', () => additional(page, 'Resize…'))
  await dialog(page, 'Rebuild', () => additional(page, 'Rebuild…'))
  await dialog(page, 'Delete this instance?', () => additional(page, 'Delete'))
  await page.goto(`${service.url}/images?kind=private`)
  await dialog(page, 'Upload image', () => page.getByRole('button', { name: 'Upload image' }).click())
  const own = await service.microImage(cloud.admin, { name: 'axe' })
  await page.goto(`${service.url}/images/${own}`)
  await dialog(page, 'Share image', () => page.getByRole('button', { name: 'Share with other projects' }).click())
  const more = async (item: string) => {
    await page.getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: item, exact: true }).click()
  }
  await dialog(page, 'Edit image', () => more('Edit'))
  await dialog(page, 'Delete this image?', () => more('Delete'))
  await page.goto(`${service.url}/key-pairs`)
  await dialog(page, 'Import key pair', () => page.getByRole('button', { name: 'Import key pair' }).first().click())
  await dialog(page, 'Create key pair', () => page.getByRole('button', { name: 'Create key pair' }).first().click())
  for (const [path, name] of [['/flavors', 'Create flavor'], ['/projects', 'Create project'], ['/users', 'Create user']] as const) {
    await page.goto(service.url + path)
    await dialog(page, name, () => page.getByRole('button', { name }).click())
  }
  await page.goto(`${service.url}/projects`)
  await dialog(page, 'Members of web', () => page.getByRole('row', { name: /^web / }).getByRole('button', { name: 'Members' }).click())
  await dialog(page, 'Quota of web', () => page.getByRole('row', { name: /^web / }).getByRole('button', { name: 'Quota' }).click())
  await page.goto(`${service.url}/flavors`)
  await dialog(page, 'Edit flavor m1.nano', () => page.getByRole('row', { name: /^m1\.nano/ }).getByRole('button', { name: 'Edit' }).click())
  await page.goto(`${service.url}/images/${image}`)
  await expect(row(page, 'none')).toHaveCount(0)
})
