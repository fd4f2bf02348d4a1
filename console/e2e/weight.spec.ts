import type { Page, Request } from '@playwright/test'
import { expect, settled, signIn, signInByForm, test as base } from './acts'
import { type Furnished, Service } from './service'

const COUNT = 10_000

/** A service whose project *web* has ten thousand images. */
const test = base.extend<object, { many: Furnished & { service: Service } }>({
  many: [
    async ({}, use) => {
      const service = await Service.start(`[quota]\nimages = ${2 * COUNT}\n`)
      try {
        const furnished = await service.furnish()
        const token = await service.alice()
        let next = 0
        const make = async () => {
          for (let n = next++; n < COUNT; n = next++) {
            await service.image(token, { name: `build-${String(n).padStart(5, '0')}`, os_distro: n % 2 ? 'debian' : 'windows', protected: n % 100 === 0 })
          }
        }
        await Promise.all(Array.from({ length: 24 }, make))
        await use({ service, ...furnished })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 400_000 },
  ],
})

const isAsset = (request: Request) => new URL(request.url()).pathname.startsWith('/assets/')

test('the first load is under 500 kB, and brings no console of a guest', async ({ browser, cloud }) => {
  const page = await browser.newPage()
  let bytes = 0
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
  const assets: string[] = []
  page.on('request', (request) => isAsset(request) && assets.push(request.url()))
  await signInByForm(page, cloud.service.url)
  await page.waitForLoadState('networkidle')
  console.log(`first load, signed in: ${Math.round(bytes / 1000)} kB`)
  expect(bytes).toBeLessThan(500_000)
  expect(assets.filter((url) => /\/(Screen|Serial)-/.test(url))).toEqual([])

  const id = await cloud.service.instance(await cloud.service.alice(), 'lazy-1', cloud.image)
  await page.goto(`${cloud.service.url}/instances/${id}`)
  await settled(page)
  expect(assets.filter((url) => /\/(Screen|Serial)-/.test(url))).toEqual([])
  for (const [tab, chunk] of [['Screen', /\/Screen-/], ['Serial console', /\/Serial-/]] as const) {
    await page.getByRole('tab', { name: tab }).click()
    await expect.poll(() => assets.some((url) => chunk.test(url))).toBe(true)
  }
  await page.close()
})

/** The requests of each page when it is opened by its address: the session and the header's activity, and its own. */
const SHELL = ['GET /effigy/v1/activity', 'GET /session']
const ASKED: Record<string, string[]> = {
  '/sign-in': ['GET /session'],
  '/instances': [...SHELL, 'GET /compute/v2.1/servers/detail'],
  '/': [...SHELL, 'GET /effigy/v1/usage'],
  '/images?kind=public': [...SHELL, 'GET /effigy/v1/images', 'GET /effigy/v1/images/counts', 'GET /image/v2/info/import'],
  '/launch?image=IMAGE': [...SHELL, 'GET /compute/v2.1/flavors/detail', 'GET /compute/v2.1/os-keypairs', 'GET /effigy/v1/images', 'GET /effigy/v1/images/counts', 'GET /effigy/v1/images/IMAGE', 'GET /effigy/v1/usage'],
  '/channels': [...SHELL, 'GET /effigy/v1/channels'],
  '/key-pairs': [...SHELL, 'GET /compute/v2.1/os-keypairs'],
  '/activity': SHELL,
  '/api-access': [...SHELL, 'GET /effigy/v1/sessions', 'GET /identity/v3/auth/catalog', 'GET /identity/v3/users/USER/application_credentials'],
  '/flavors': [...SHELL, 'GET /compute/v2.1/flavors/detail'],
  '/host': [...SHELL, 'GET /effigy/v1/host'],
  '/instances?scope=all': [...SHELL, 'GET /compute/v2.1/servers/detail', 'GET /identity/v3/projects'],
  '/images?kind=all': [...SHELL, 'GET /effigy/v1/images', 'GET /effigy/v1/images/counts', 'GET /identity/v3/projects', 'GET /image/v2/info/import'],
  '/projects': [...SHELL, 'GET /effigy/v1/projects', 'GET /identity/v3/projects'],
  '/users': [...SHELL, 'GET /effigy/v1/users', 'GET /identity/v3/role_assignments', 'GET /identity/v3/users'],
  '/audit': [...SHELL, 'GET /effigy/v1/audit'],
  '/images/IMAGE': [...SHELL, 'GET /compute/v2.1/servers/detail', 'GET /effigy/v1/images/IMAGE', 'GET /effigy/v1/images/IMAGE/descendants', 'GET /effigy/v1/images/IMAGE/verification'],
}

test('no page asks for what it does not show, nor for anything twice', async ({ browser, cloud }) => {
  const { service, image } = cloud
  const context = await browser.newContext()
  for (const [path, expected] of Object.entries(ASKED)) {
    const page = await context.newPage()
    if (path === '/instances') {
      await signIn(page, service.url, 'admin', service.adminPassword())
      // A project of its own, with nothing in it.
      await page.waitForLoadState('networkidle')
    }
    const asked: string[] = []
    page.on('request', (request) => {
      const { pathname } = new URL(request.url())
      if (['fetch', 'xhr'].includes(request.resourceType())) asked.push(`${request.method()} ${pathname.replace(image, 'IMAGE').replace(/users\/[0-9a-f]+/, 'users/USER')}`)
    })
    await page.goto(service.url + path.replace('IMAGE', image))
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await page.waitForLoadState('networkidle')
    // On a busy machine the network rests between an answer and what it leads to.
    const names = () => asked.filter((one) => one !== 'GET /image/v2/images' || !path.startsWith('/instances')).sort()
    await expect.poll(names, { timeout: 20_000, message: path }).toEqual([...expected].sort())
    await page.close()
  }
  await context.close()
})

/** From the moment the list is asked for to the answer, and to the moment its rows are painted, in milliseconds. */
async function answer(page: Page, act: () => Promise<void>, shown: RegExp): Promise<{ answered: number; painted: number }> {
  await page.evaluate(() => {
    performance.clearResourceTimings()
    const table = document.querySelector('.ant-table')
    const seen = globalThis as unknown as { began: number; painted: number }
    seen.began = performance.now()
    new MutationObserver(() => requestAnimationFrame(() => (seen.painted = performance.now()))).observe(table as Element, { childList: true, subtree: true, characterData: true })
  })
  await act()
  await expect(page.getByRole('row').nth(1)).toContainText(shown)
  await expect(page.locator('.ant-table-row').first()).toContainText(shown)
  return page.evaluate(() => {
    const { began, painted } = globalThis as unknown as { began: number; painted: number }
    const asked = performance.getEntriesByType('resource').filter(({ name }) => /\/effigy\/v1\/images\?.*limit=25/.test(name)).at(-1)
    // A page that was seen a moment ago is shown before anything is asked.
    const { startTime = began, responseEnd = began } = (asked as PerformanceResourceTiming | undefined) ?? {}
    return { answered: responseEnd - startTime, painted: painted - startTime }
  })
}

test('with ten thousand images the images page answers every filter at once', async ({ page, many }) => {
  const { service } = many
  await signIn(page, `${service.url}/images?kind=private`)
  await expect(page.getByRole('tab', { name: /Private/ })).toContainText('10,000')
  await expect(page.getByRole('row')).toHaveCount(26)
  const search = page.getByLabel('Search name, ID, OS, tag')
  const figures: [string, { answered: number; painted: number }][] = []
  const figure = async (what: string, act: () => Promise<void>, shown: RegExp) => figures.push([what, await answer(page, act, shown)])
  await figure('search build-07', () => search.fill('build-07'), /build-07/)
  await figure('search build-0777', () => search.fill('build-0777'), /build-0777/)
  await figure('search 9998', () => search.fill('9998'), /9998/)
  // Every other image, with an odd number: not the one that is shown.
  await figure('search debian', () => search.fill('debian'), /build-\d{4}[13579]/)
  await figure('search build-05555', () => search.fill('build-05555'), /build-05555/)
  await page.goto(`${service.url}/images?kind=private`)
  await expect(page.getByRole('row')).toHaveCount(26)
  await figure('sort by name', () => page.getByRole('columnheader', { name: 'Name' }).click(), /build-00000/)
  await figure('the next page', () => page.getByRole('button', { name: 'Next page' }).click(), /build-00025/)
  await figure('the page before', () => page.getByRole('button', { name: 'Previous page' }).click(), /build-00000/)
  await figure('the other way', () => page.getByRole('columnheader', { name: 'Name' }).click(), /build-09999/)
  await figure('kind Public', () => page.getByRole('tab', { name: 'Public' }).click(), /micro/)
  for (const [what, { answered, painted }] of figures) {
    console.log(`10,000 images, ${what}: painted after ${Math.round(painted)} ms, ${Math.round(answered)} of them for the answer`)
  }
  // Generous: machines are noisy, and this program is not optimised.
  for (const [what, { painted }] of figures) expect(painted, what).toBeLessThan(5000)
})
