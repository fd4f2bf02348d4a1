import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { en } from '../src/locales/en'
import { ja } from '../src/locales/ja'
import { ko } from '../src/locales/ko'
import { expect, findings, GUEST, settled, signIn, signInAs, test as base, to } from './acts'
import { type Furnished, ROOT, Service } from './service'

const STORES = `
[stores.archive]
folder = "archive"
weight = -10
description = "Large and slow"
[stores.old]
folder = "old"
weight = -20
read_only = true
`

/** A deployment with a second store, and a third that takes nothing new. */
const test = base.extend<object, { several: Furnished & { service: Service } }>({
  several: [
    async ({}, use) => {
      const service = await Service.start(STORES)
      try {
        await use({ service, ...(await service.furnish()) })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

const card = (page: Page) => page.getByRole('region', { name: 'Stores' })
const inStore = (page: Page, name: string) => card(page).getByRole('listitem').filter({ hasText: name })
const removal = (page: Page, name: string) => card(page).getByRole('button', { name: `Remove from this store: ${name}` })

async function uploadTo(page: Page, service: Service, name: string, store: string) {
  const path = join(service.folder, `${name}.raw`)
  execFileSync(join(ROOT, 'guests/micro.sh'), [path, name, '4M'])
  await signIn(page, `${service.url}/images?kind=private`)
  await page.getByRole('button', { name: 'Upload image' }).click()
  const dialog = page.getByRole('dialog', { name: 'Upload image' })
  await dialog.locator('input[type=file]').setInputFiles(path)
  const field = dialog.getByRole('combobox', { name: 'Store' })
  await expect(dialog).toContainText("Effigy's own store")
  await field.focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('option', { name: 'old' })).toHaveCount(0)
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(dialog).toContainText('Large and slow')
  const command = dialog.getByRole('group', { name: 'As openstack command' })
  await expect(command).toContainText(`openstack image stage ${name}`)
  await expect(command).toContainText(`--store ${store}`)
  await settled(page)
  expect(await findings(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Upload', exact: true }).click()
  await expect(dialog).toBeHidden()
  return path
}

test('an upload goes into the chosen store, an administrator copies it to another, and its owner takes it out of the first', async ({ page, browser, several }) => {
  const { service } = several
  const path = await uploadTo(page, service, 'kept', 'archive')
  await page.getByRole('link', { name: 'kept', exact: true }).click()
  await page.getByRole('tab', { name: 'Storage' }).click()
  await expect(card(page).getByRole('listitem')).toHaveText([/^archive.*Large and slow/])
  // The last store keeps it, and says so.
  await expect(removal(page, 'archive')).toBeDisabled()
  await expect(card(page).getByRole('note', { name: 'No other store has the image' })).toBeVisible()
  await expect(card(page).getByRole('button', { name: 'Copy to another store' })).toHaveCount(0)

  const admin = await browser.newPage()
  await signIn(admin, page.url(), 'admin', service.adminPassword())
  await card(admin).getByRole('button', { name: 'Copy to another store' }).click()
  const dialog = admin.getByRole('dialog', { name: 'Copy to another store' })
  await expect(dialog.getByRole('checkbox')).toHaveCount(1)
  const local = dialog.getByRole('group', { name: 'Stores' }).getByRole('checkbox', { name: 'local' })
  await expect(local).toBeChecked()
  await local.uncheck()
  await dialog.getByRole('button', { name: 'Copy to these stores' }).click()
  await expect(dialog).toContainText('Required')
  await local.check()
  await expect(dialog.getByRole('group', { name: 'As openstack command' })).toContainText('--store local')
  await settled(admin)
  expect(await findings(admin)).toEqual([])
  await dialog.getByRole('button', { name: 'Copy to these stores' }).click()
  await expect(dialog).toBeHidden()
  // It comes by itself, and the store that is read first is first.
  await expect(removal(admin, 'local')).toBeVisible()
  await expect(card(admin).getByRole('listitem')).toHaveText([/^local/, /^archive/])
  await expect(card(admin).getByRole('button', { name: 'Copy to another store' })).toBeDisabled()
  await expect(card(admin).getByRole('note', { name: 'Every store that takes something new has it' })).toBeVisible()
  await admin.close()

  await page.reload()
  await removal(page, 'archive').click()
  const question = page.getByRole('dialog', { name: 'Remove the image from the store archive?' })
  await expect(question).toContainText('is read from: local.')
  await expect(question.getByRole('group', { name: 'As openstack command' })).toContainText('--store archive')
  await settled(page)
  expect(await findings(page)).toEqual([])
  await question.getByRole('button', { name: 'Remove from this store' }).click()
  await expect(question).toBeHidden()
  await expect(card(page).getByRole('listitem')).toHaveText([/^local/])
  await expect(removal(page, 'local')).toBeDisabled()

  // It is whole: it is downloaded, and boots.
  const id = new URL(page.url()).pathname.split('/').at(-1) ?? ''
  const token = await service.alice()
  const file = await fetch(`${service.url}/image/v2/images/${id}/file`, { headers: { 'x-auth-token': token } })
  expect(Buffer.from(await file.arrayBuffer()).equals(readFileSync(path))).toBe(true)
  await service.instance(token, 'kept-1', id)
})

const copy = async (page: Page) => {
  await card(page).getByRole('button', { name: 'Copy to another store' }).click()
  await page.getByRole('dialog', { name: 'Copy to another store' }).getByRole('button', { name: 'Copy to these stores' }).click()
}

test('a copy is seen on its way, and comes by itself', async ({ page, several }) => {
  const { service } = several
  // So much that it takes a while, even when nothing else is done.
  const id = await service.image(several.admin, { name: 'large' }, randomBytes(256 << 20))
  await signIn(page, `${service.url}/images/${id}?tab=storage`, 'admin', service.adminPassword())
  const seen = inStore(page, 'archive').getByText('Being copied').waitFor()
  const busy = card(page).getByRole('note', { name: 'Busy: another action is running.' }).waitFor()
  await copy(page)
  await Promise.all([seen, busy])
  await expect(removal(page, 'archive')).toBeEnabled()
  await expect(page.getByText('Being copied')).toHaveCount(0)
})

test('a store that could not take a copy is shown with the reason', async ({ page }) => {
  const service = await Service.start(STORES)
  try {
    const { image } = await service.furnish()
    // A store refuses what is new, as a disk does that has failed: its folder of segments is a file.
    const segments = join(service.folder, 'data/archive/segments')
    rmSync(segments, { recursive: true })
    writeFileSync(segments, '')
    await signIn(page, `${service.url}/images/${image}?tab=storage`, 'admin', service.adminPassword())
    await copy(page)
    await expect(inStore(page, 'archive')).toContainText('Failed')
    await expect(card(page)).toContainText('archive: the service failed to read or write it')
    await settled(page)
    expect(await findings(page)).toEqual([])
  } finally {
    await service.stop()
  }
})

for (const mode of ['light', 'dark'] as const) {
  test(`the stores of an image have nothing serious for axe, ${mode}`, async ({ page, several }) => {
    const { service } = several
    await page.emulateMedia({ colorScheme: mode, reducedMotion: 'reduce' })
    await signIn(page, `${service.url}/images/${several.image}?tab=storage`, 'rita')
    await expect(removal(page, 'local')).toBeDisabled()
    await settled(page)
    expect(await findings(page)).toEqual([])
  })
}

for (const [locale, words] of [['ko-KR', ko], ['ja-JP', ja]] as const) {
  test(`the stores of an image are told in ${locale}, and in nothing else`, async ({ browser, several }) => {
    const { service } = several
    const page = await signInAs(browser, service, locale)
    await page.goto(`${service.url}/images/${several.image}?tab=storage`)
    const own = page.getByRole('region', { name: words.stores.title })
    await own.getByRole('button', { name: words.stores.copy }).click()
    const dialog = page.getByRole('dialog', { name: words.stores.copy })
    await expect(dialog).toContainText(words.stores.copyWhat)
    await expect(dialog.getByRole('button', { name: words.stores.copySubmit })).toBeVisible()
    for (const text of [en.stores.title, en.stores.default, en.stores.copy, en.stores.remove, en.stores.copyWhat]) {
      await expect(own).not.toContainText(text)
      await expect(dialog).not.toContainText(text)
    }
    await page.context().close()
  })
}

test('an import goes into the chosen store, and its command names it', async ({ page, several }) => {
  const { service } = several
  await signIn(page, `${service.url}/images?kind=private`)
  await page.getByRole('button', { name: 'Import from URL' }).click()
  const dialog = page.getByRole('dialog', { name: 'Import from URL' })
  await dialog.getByLabel('URL').fill('https://images.example/debian.qcow2')
  const terraform = dialog.getByRole('tab', { name: 'Terraform' })
  await expect(terraform).toBeVisible()
  await dialog.getByRole('combobox', { name: 'Store' }).focus()
  await page.keyboard.press('Enter')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(dialog.getByRole('group', { name: 'As openstack command' })).toContainText('--store archive')
  // Terraform has no word for it.
  await expect(terraform).toHaveCount(0)
  const asked = page.waitForRequest((request) => request.url().endsWith('/import') && request.method() === 'POST')
  await dialog.getByRole('button', { name: 'Import', exact: true }).click()
  expect((await asked).postDataJSON()).toMatchObject({ stores: ['archive'] })
  // That it came to nothing is told on whatever page the person is by then.
  await to(page, 'Home')
  await expect(page.locator('.ant-notification-notice')).toContainText('debian could not be made', GUEST)
})

test('where there is one store nothing is said of stores, and nobody asks for them', async ({ page, cloud }) => {
  const { service } = cloud
  const asked: string[] = []
  page.on('request', (request) => asked.push(new URL(request.url()).pathname))
  await signIn(page, `${service.url}/images/${cloud.image}?tab=storage`, 'admin', service.adminPassword())
  await expect(page.getByRole('region', { name: 'Storage' })).toBeVisible()
  await settled(page)
  await expect(card(page)).toHaveCount(0)
  await page.goto(`${service.url}/images?kind=private`)
  for (const name of ['Upload image', 'Import from URL']) {
    await page.getByRole('button', { name }).click()
    const dialog = page.getByRole('dialog', { name })
    await expect(dialog.getByLabel('Name')).toBeVisible()
    await settled(page)
    await expect(dialog.getByLabel('Store')).toHaveCount(0)
    await page.keyboard.press('Escape')
    await expect(dialog).toBeHidden()
  }
  expect(asked.filter((path) => path.includes('stores'))).toEqual([])
})
