import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from '@playwright/test'
import type { AxeResults } from 'axe-core'
import { expect, signIn, test } from './acts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PAGES = ['/instances', '/launch', '/images?kind=public', '/images?kind=private', '/key-pairs', '/activity', '/flavors', '/projects', '/users', '/audit']
const SHOTS = process.env.SHOTS

/** What axe finds that is serious or critical. */
async function findings(page: Page): Promise<string[]> {
  // The page's own policy refuses an injected element, so it is evaluated.
  await page.evaluate(AXE)
  const results = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run: () => Promise<AxeResults> } }).axe
    return axe.run()
  })
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`))
}

for (const mode of ['light', 'dark'] as const) {
  test(`no page has anything serious for axe, ${mode}`, async ({ page, cloud }) => {
    test.setTimeout(240_000)
    await page.emulateMedia({ colorScheme: mode, reducedMotion: 'reduce' })
    await page.goto(`${cloud.service.url}/sign-in`)
    await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
    expect(await findings(page), 'sign-in').toEqual([])
    await signIn(page, cloud.service.url, 'admin', cloud.service.adminPassword())
    for (const path of [...PAGES, `/images/${cloud.image}`]) {
      await page.goto(cloud.service.url + path)
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
      await expect(page.locator('.ant-spin-spinning, .ant-skeleton')).toHaveCount(0)
      await page.waitForTimeout(300)
      if (SHOTS) await page.screenshot({ path: `${SHOTS}/${mode}-en${path.replace(/[/?=]/g, '-').slice(0, 24)}.png` })
      expect.soft(await findings(page), path).toEqual([])
    }
  })
}

for (const [language, locale, title] of [['ko', 'ko-KR', '인스턴스'], ['ja', 'ja-JP', 'インスタンス']] as const) {
  test(`the console speaks ${language}`, async ({ browser, cloud }) => {
    const context = await browser.newContext({ locale, viewport: { width: 1360, height: 860 } })
    const page = await context.newPage()
    await page.goto(cloud.service.url)
    await page.locator('input[autocomplete=username]').fill('admin')
    await page.locator('input[type=password]').fill(cloud.service.adminPassword())
    await page.locator('button[type=submit]').click()
    await expect(page.getByRole('heading', { name: title })).toBeVisible()
    await expect(page.locator('html')).toHaveAttribute('lang', language)
    for (const path of PAGES) {
      await page.goto(cloud.service.url + path)
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
      await page.waitForTimeout(300)
      if (SHOTS) await page.screenshot({ path: `${SHOTS}/light-${language}${path.replace(/[/?=]/g, '-')}.png` })
    }
    await context.close()
  })
}

test('the first load is under 500 kB', async ({ browser, cloud }) => {
  const page = await browser.newPage()
  let bytes = 0
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
  await signIn(page, cloud.service.url)
  await page.waitForLoadState('networkidle')
  console.log(`first load: ${Math.round(bytes / 1000)} kB`)
  expect(bytes).toBeLessThan(500_000)
  await page.close()
})

test('a name that holds markup is shown as text', async ({ page, cloud }) => {
  const name = '<img src=x onerror="document.title=\'owned\'"> \u001b[31m'
  const token = await cloud.service.token('alice', 'correct horse battery staple', 'web')
  await cloud.service.ask(token, '/image/v2/images', 'POST', { name, disk_format: 'raw', container_format: 'bare', note: '<script>alert(1)</script>' })
  await signIn(page, cloud.service.url)
  await page.goto(`${cloud.service.url}/images?kind=private`)
  await page.getByRole('link', { name: '<img src=x' }).click()
  await expect(page.getByText('<script>alert(1)</script>')).toBeVisible()
  expect(await page.title()).not.toBe('owned')
  expect(await page.locator('main img').count()).toBe(0)
})
