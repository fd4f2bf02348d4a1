// Every page, in each language, at each width: loaded once, since a page also follows a window that changes.
import type { Page } from '@playwright/test'
import { en } from '../src/locales/en'
import { ja } from '../src/locales/ja'
import { ko } from '../src/locales/ko'
import { IMAGE_TABS } from '../src/paths'
import { expect, settled, signInAs, test } from './acts'

const PAGES = ['/', '/api-access', '/instances', '/launch', '/images?kind=public', '/images?kind=private', '/images?kind=shared', '/channels', '/key-pairs', '/activity', '/flavors', '/host', '/projects', '/users', '/audit', '/images?kind=all', '/instances?scope=all']

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

/** The things that stick out of the window on the right, when the page can be scrolled sideways. */
const stickingOut = (page: Page) =>
  page.evaluate(() => {
    if (document.documentElement.scrollWidth <= innerWidth) return []
    const all = [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth)
    return all.slice(0, 8).map((one) => `${one.tagName}.${one.className} ${one.textContent?.slice(0, 40)}`)
  })

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

const LONG = 'a-rather-long-name-of-an-image-with-a-date-2026-11-27'
const KEY = 'key-of-the-office'

/** The width of the cell with the name, which is no column of letters. */
async function roomForName(page: Page, name: string, least: number, where: string) {
  const cell = page.locator('.name-cell').filter({ hasText: name }).locator('xpath=ancestor::td')
  await expect.poll(async () => (await cell.boundingBox())?.width, `${name}, ${where}`).toBeGreaterThan(least)
}

let image = ''
test.beforeAll(async ({ cloud }) => {
  const { service, admin } = cloud
  image = await service.image(admin, { name: LONG })
  await service.ask(admin, '/compute/v2.1/os-keypairs', 'POST', { keypair: { name: KEY } })
})

test.afterAll(async ({ cloud }) => {
  const { service, admin } = cloud
  for (const path of [`/image/v2/images/${image}`, `/compute/v2.1/os-keypairs/${KEY}`]) await service.ask(admin, path, 'DELETE')
})

for (const [language, locale, words] of [['en', 'en-US', en], ['ko', 'ko-KR', ko], ['ja', 'ja-JP', ja]] as const) {
  test(`every page speaks ${language} alone, fits its window, and no word is broken or cut off`, { tag: language === 'en' ? [] : '@long' }, async ({ browser, cloud }) => {
    test.setTimeout(600_000)
    const page = await signInAs(browser, cloud.service, locale)
    // The pointer rests where nothing opens a tip.
    await page.mouse.move(0, 0)
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
      for (const width of [2560, 1440, 1280, 1024, 768, 390, 320]) {
        const where = `${path} at ${width}`
        await page.setViewportSize({ width, height: 860 })
        // A table measures itself once the window has its width, so each look is tried again.
        await settled(page)
        await expect.poll(() => stickingOut(page), where).toEqual([])
        if (width >= 390 && width <= 1024) await expect.poll(() => broken(page), where).toEqual([])
        if (path === '/images?kind=private') await roomForName(page, LONG, 170, where)
        if (path === '/key-pairs') await roomForName(page, KEY, 140, where)
      }
    }
    await page.context().close()
  })
}
