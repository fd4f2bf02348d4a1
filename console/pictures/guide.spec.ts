// The pictures of docs/console.md and docs/ko/console.md, taken on the way through the guide.
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Locator, Page } from '@playwright/test'
import { en } from '../src/locales/en'
import { ko } from '../src/locales/ko'
import { expect, GUEST, row, settled } from '../e2e/acts'
import { PASSWORD, Service } from '../e2e/service'
import { test } from './scene'

const FOLDER = resolve(import.meta.dirname, '../../docs/pictures')

for (const [language, locale, words] of [['en', 'en-US', en], ['ko', 'ko-KR', ko]] as const) {
  test(`the guide in ${language}`, async ({ browser, scene }) => {
    test.setTimeout(600_000)
    const folder = join(FOLDER, language)
    mkdirSync(folder, { recursive: true })
    const { service } = scene
    const context = await browser.newContext({ locale, viewport: { width: 1180, height: 720 }, colorScheme: 'light', reducedMotion: 'reduce' })
    const page = await context.newPage()
    const take = async (name: string) => {
      await settled(page)
      // Notices come and go; the pictures are of what stays.
      await expect(page.locator('.ant-notification-notice, .ant-message-notice')).toHaveCount(0)
      await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled', caret: 'hide' })
    }
    await page.goto(`${service.url}/instances`)
    await page.getByLabel(words.signIn.user).fill('alice')
    await page.getByLabel(words.signIn.password).fill(PASSWORD)
    await take('sign-in')
    await page.getByRole('button', { name: words.signIn.submit, exact: true }).click()
    await expect(row(page, 'web-2')).toBeVisible()
    await take('instances')
    const instance = `guide-${language}`
    await launch(page, words, instance)
    await take('launch')
    await page.getByRole('button', { name: words.instances.launch }).click()
    await expect(row(page, instance)).toContainText(words.status.running, GUEST)
    await row(page, instance).getByRole('checkbox').check()
    await page.getByRole('button', { name: words.instances.more }).click()
    await expect(page.getByRole('menuitem', { name: words.instances.action.stop })).toBeVisible()
    await take('additional-functions')
    await page.getByRole('menuitem', { name: words.instances.action.stop }).click()
    await expect(row(page, instance)).toContainText(words.status.stopped, GUEST)
    await choose(page, words.instances.more, words.instances.action.createImage)
    const image = `golden-${language}`
    await page.getByRole('dialog').getByLabel(words.form.name).fill(image)
    await take('create-image')
    await page.getByRole('dialog').getByRole('button', { name: words.createImage.submit }).click()
    await page.getByRole('navigation').getByRole('link', { name: words.nav.images }).click()
    await page.getByRole('tab', { name: words.kind.private }).click()
    await expect(row(page, image)).toContainText(words.status.ready, GUEST)
    await take('images')
    await row(page, image).getByRole('checkbox').check()
    await page.getByRole('button', { name: words.share.submit }).click()
    const mine: Locator = page.getByRole('list', { name: words.share.projects, exact: true })
    await mine.getByRole('button', { name: 'batch' }).click()
    await take('share-image')
    await page.getByRole('dialog').getByRole('button', { name: words.share.submit }).click()
    await expect(page.getByRole('dialog').getByRole('status')).toBeVisible()
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: image, exact: true }).click()
    await take('image')
    await page.getByRole('combobox', { name: words.project.label }).click()
    await page.locator('.ant-select-item-option').filter({ hasText: /^batch$/ }).click()
    await expect(page.locator('.shell-header .ant-select')).toContainText('batch')
    await page.getByRole('tab', { name: words.kind.shared }).click()
    await expect(row(page, image)).toBeVisible()
    await take('shared-images')
    await page.goto(`${service.url}/images?kind=private`)
    await page.getByRole('button', { name: words.upload.title }).click()
    await expect(page.getByRole('dialog')).toBeVisible()
    await take('upload')
    await page.keyboard.press('Escape')
    await page.getByRole('combobox', { name: words.project.label }).click()
    await page.locator('.ant-select-item-option').filter({ hasText: /^web$/ }).click()
    await expect(page.locator('.shell-header .ant-select')).toContainText('web')
    await page.goto(`${service.url}/instances/${scene.instances[1]}`)
    await expect(page.getByRole('log')).toContainText('MICRO-READY')
    await take('instance')
    await context.close()
  })
}

test('a deployment without sharing', async ({ browser }) => {
  const service = await Service.start('[sharing]\nscope = "off"\n')
  try {
    await service.furnish()
    await service.microImage(await service.alice(), { name: 'mine' })
    for (const [language, locale, words] of [['en', 'en-US', en], ['ko', 'ko-KR', ko]] as const) {
      const context = await browser.newContext({ locale, viewport: { width: 1180, height: 520 }, colorScheme: 'light', reducedMotion: 'reduce' })
      const page = await context.newPage()
      await page.goto(`${service.url}/images?kind=private`)
      await page.getByLabel(words.signIn.user).fill('alice')
      await page.getByLabel(words.signIn.password).fill(PASSWORD)
      await page.getByRole('button', { name: words.signIn.submit, exact: true }).click()
      await expect(row(page, 'mine')).toBeVisible()
      await settled(page)
      await page.screenshot({ path: join(FOLDER, language, 'without-sharing.png'), animations: 'disabled' })
      await context.close()
    }
  } finally {
    await service.stop()
  }
})

async function launch(page: Page, words: typeof en, name: string) {
  await page.getByRole('button', { name: words.instances.launch }).first().click()
  await page.getByRole('tab', { name: words.kind.public }).click()
  await page.getByRole('radio', { name: 'micro', exact: true }).check()
  await page.getByLabel(words.form.name, { exact: true }).fill(name)
  await page.getByRole('radio', { name: words.launch.networkNone }).check()
  await page.evaluate(() => scrollTo(0, 0))
}

async function choose(page: Page, menu: string, item: string) {
  await page.getByRole('button', { name: menu }).click()
  await page.getByRole('menuitem', { name: item }).click()
}
