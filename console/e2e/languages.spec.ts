import type { Browser, Page } from '@playwright/test'
import { en } from '../src/locales/en'
import { ja } from '../src/locales/ja'
import { ko } from '../src/locales/ko'
import { IMAGE_TABS } from '../src/paths'
import { expect, settled, signIn, test } from './acts'
import type { Service } from './service'

const PAGES = ['/', '/api-access', '/instances', '/launch', '/images?kind=public', '/images?kind=private', '/images?kind=shared', '/key-pairs', '/activity', '/flavors', '/host', '/projects', '/users', '/audit', '/images?kind=all', '/instances?scope=all']

/** Every text of a language, by its path. */
function texts(of: object, path = ''): [string, string][] {
  return Object.entries(of).flatMap(([key, value]: [string, unknown]) =>
    typeof value === 'string' ? [[path + key, value] as [string, string]] : texts(value as object, `${path}${key}.`),
  )
}

/** The texts and labels of all things on the page that somebody could click, fill or read as a heading. */
const said = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('h1, h2, button, a, label, th, [role=tab], [role=menuitem], .quiet, .empty-title, dt, dd, .ant-select-selection-item')]
      .flatMap((element) => [element.textContent?.trim() ?? '', element.getAttribute('aria-label') ?? ''])
      .filter(Boolean),
  )

async function open(browser: Browser, service: Service, locale: string): Promise<Page> {
  const context = await browser.newContext({ locale, viewport: { width: 1360, height: 860 } })
  const page = await context.newPage()
  await page.goto(`${service.url}/instances`)
  await page.locator('input[autocomplete=username]').fill('admin')
  await page.locator('input[type=password]').fill(service.adminPassword())
  await page.locator('button[type=submit]').click()
  await expect(page.getByRole('navigation')).toBeVisible()
  return page
}

for (const [language, locale, words] of [['ko', 'ko-KR', ko], ['ja', 'ja-JP', ja]] as const) {
  test(`the console speaks ${language}, and nothing else`, async ({ browser, cloud }) => {
    const page = await open(browser, cloud.service, locale)
    await expect(page.locator('html')).toHaveAttribute('lang', language)
    const own = new Map(texts(words))
    const foreign = new Set(texts(en).filter(([path, text]) => own.get(path) !== text && text.length > 2).map(([, text]) => text))
    own.forEach((text) => foreign.delete(text))
    for (const path of [...PAGES, ...IMAGE_TABS.map((tab) => `/images/${cloud.image}?tab=${tab}`)]) {
      await page.goto(cloud.service.url + path)
      await settled(page)
      const all = await said(page)
      expect.soft(all.filter((text) => foreign.has(text)), `English on ${path}`).toEqual([])
      expect.soft(all.filter((text) => own.has(text)), `keys on ${path}`).toEqual([])
    }
    await page.context().close()
  })
}

/** The words that stand a few letters a line or leave one letter alone, the figures in two lines, and all that is cut off at its side. */
const broken = (page: Page) =>
  page.evaluate(() => {
    const found: string[] = []
    const isSeen = (element: Element) => element.getClientRects().length > 0 && !element.closest('.unseen, .skip, .shell-brand, .ant-switch, .ant-table-content, pre, .mono, svg')
    for (const element of document.querySelectorAll('body *')) {
      const { overflowX, textOverflow } = getComputedStyle(element)
      if (overflowX !== 'visible' && textOverflow !== 'ellipsis' && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1 && isSeen(element)) found.push(`cut off: ${element.textContent?.slice(0, 60)}`)
    }
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
      const text = texts.currentNode.textContent?.trim() ?? ''
      const element = texts.currentNode.parentElement
      if (text.length < 4 || !element || !isSeen(element)) continue
      const range = document.createRange()
      range.selectNodeContents(texts.currentNode)
      const lines = new Map<number, number>()
      for (const { top, width } of range.getClientRects()) lines.set(Math.round(top), (lines.get(Math.round(top)) ?? 0) + width)
      if (lines.size < 2) continue
      const letter = parseFloat(getComputedStyle(element).fontSize)
      const widths = [...lines.values()]
      if (Math.max(...widths) < 2.5 * letter && lines.size > 2) found.push(`a column of letters: ${text}`)
      else if (text.length < 20 && (widths.at(-1) ?? 0) < 1.3 * letter) found.push(`a letter alone: ${text}`)
      else if (text.length < 20 && !text.includes(':') && element.closest('.number')) found.push(`a figure in ${lines.size} lines: ${text}`)
    }
    return found
  })

for (const [language, locale] of [['en', 'en-US'], ['ko', 'ko-KR'], ['ja', 'ja-JP']] as const) {
  test(`no word is broken or cut off where the window is narrow, in ${language}`, async ({ browser, cloud }) => {
    const page = await open(browser, cloud.service, locale)
    for (const path of [...PAGES, ...IMAGE_TABS.map((tab) => `/images/${cloud.image}?tab=${tab}`)]) {
      await page.goto(cloud.service.url + path)
      for (const width of [390, 768, 1024]) {
        await page.setViewportSize({ width, height: 860 })
        await settled(page)
        expect.soft(await broken(page), `${path} at ${width}`).toEqual([])
      }
    }
    await page.context().close()
  })
}

test('the guide’s words are the Korean console’s words', async ({ browser, cloud }) => {
  const page = await open(browser, cloud.service, 'ko-KR')
  await page.getByRole('button', { name: '추가 기능' }).click()
  await expect(page.getByRole('menuitem', { name: '인스턴스 종료(Shutdown)' })).toBeVisible()
  await expect(page.getByRole('menuitem', { name: 'Image 생성' })).toBeVisible()
  await page.keyboard.press('Escape')
  await page.getByRole('navigation').getByRole('link', { name: 'Image' }).click()
  await expect(page.getByRole('tab', { name: '공유된 Image' })).toBeVisible()
  await expect(page.getByRole('button', { name: '다른 프로젝트에 공유' })).toBeVisible()
  await page.context().close()
})

test('a refusal is told in the reader’s language, with the service’s own words beside the id of the request', async ({ browser, cloud }) => {
  const page = await open(browser, cloud.service, 'ko-KR')
  await page.goto(`${cloud.service.url}/key-pairs`)
  await page.getByRole('button', { name: ko.keyPairs.import }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(ko.form.name).fill('garbage')
  await dialog.getByLabel(ko.keyPairs.publicKey).fill('ssh-dss AAAA')
  await dialog.getByRole('button', { name: ko.keyPairs.import }).click()
  const alert = dialog.getByRole('alert')
  await expect(alert).toContainText('올바른 공개 키가 아닙니다')
  await expect(alert).toContainText(/요청 req-/)
  await expect(alert.getByText('Keypair data is invalid')).toBeHidden()
  await alert.getByText(ko.error.details).click()
  await expect(alert.getByText('Keypair data is invalid')).toBeVisible()
  await page.context().close()
})

test('the page to sign in offers each language by its own name', async ({ browser, cloud }) => {
  const context = await browser.newContext({ locale: 'en-US' })
  const page = await context.newPage()
  await page.goto(cloud.service.url)
  await page.getByRole('button', { name: '한국어', exact: true }).click()
  await expect(page.getByRole('button', { name: '로그인', exact: true })).toBeVisible()
  await expect(page.getByRole('button', { name: '한국어', exact: true })).toHaveAttribute('aria-pressed', 'true')
  await context.close()
})

test('another language is one click away, and stays', async ({ page, cloud }) => {
  await signIn(page, cloud.service.url)
  await page.getByRole('button', { name: 'Language' }).click()
  await page.getByRole('menuitem', { name: '日本語' }).click()
  await expect(page.getByRole('heading', { name: 'インスタンス' })).toBeVisible()
  await page.reload()
  await expect(page.getByRole('heading', { name: 'インスタンス' })).toBeVisible()
})
