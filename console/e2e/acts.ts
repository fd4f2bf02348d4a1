// The acts of a person, in the words of the console.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, expect, type Locator, type Page, test as base } from '@playwright/test'
import type { AxeResults, RunOptions } from 'axe-core'
import { type Furnished, PASSWORD, Service } from './service'

interface Cloud extends Furnished {
  service: Service
}

interface Noting {
  presses: string[]
}

/** The page's last presses, and what each of them met: a press that does nothing has its reason there. */
function notePresses() {
  const presses: string[] = []
  Object.assign(globalThis, { presses } satisfies Noting)
  const note = (event: Event) => {
    const { tagName, className } = event.target as Element
    const { clientX = 0, clientY = 0 } = event as MouseEvent
    presses.push(`${Math.round(event.timeStamp)} ms: ${event.type} at ${clientX},${clientY} on ${tagName} ${className}`.slice(0, 160))
    presses.splice(0, presses.length - 60)
  }
  for (const kind of ['mousedown', 'mouseup', 'click', 'keydown']) addEventListener(kind, note, true)
}

/** One furnished service for all claims that need no other. */
export const test = base.extend<object, { cloud: Cloud }>({
  // A claim that fails tells with its picture what the page met on the way there.
  page: async ({ page }, use, info) => {
    const met: string[] = []
    page.on('requestfailed', (request) => met.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`))
    page.on('response', (answer) => answer.status() >= 400 && met.push(`${answer.request().method()} ${answer.url()}: ${answer.status()}`))
    page.on('pageerror', (error) => met.push(String(error)))
    page.on('console', (line) => line.type() === 'error' && met.push(line.text()))
    await page.addInitScript(notePresses)
    await use(page)
    if (info.status === info.expectedStatus) return
    const presses = await page.evaluate(() => (globalThis as unknown as Noting).presses.slice(-24)).catch(() => [])
    await info.attach('met', { body: [page.url(), ...met, ...presses].join('\n'), contentType: 'text/plain' })
  },
  cloud: [
    async ({}, use) => {
      const service = await Service.start()
      try {
        await use({ service, ...(await service.furnish()) })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

export { expect }

/** Guests are emulated, on a machine that may be busy. */
export const GUEST = { timeout: 120_000 }

/** The window of a small laptop. */
export const LAPTOP = { width: 1024, height: 768 }

/** From here on each answer takes 300 ms more, as over a poor line. */
export async function slowly(page: Page) {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.emulateNetworkConditions', { offline: false, latency: 300, downloadThroughput: -1, uploadThroughput: -1 })
}

/** Begins a session as the form does, with the same request, and opens this page; of a service's address alone, its instances. */
async function begin(page: Page, address: string, user: string, password: string, project?: string) {
  const { origin } = new URL(address)
  const answer = await page.request.post(`${origin}/session`, { headers: { origin }, data: { user, password, project } })
  expect(answer.status(), await answer.text()).toBe(201)
  await page.goto(address === origin ? `${address}/instances` : address)
}

/** Signs in, into the project of this id or else the person's first, and opens this page. */
export async function signIn(page: Page, address: string, user = 'alice', password = PASSWORD, project?: string) {
  await begin(page, address, user, password, project)
  await isSignedIn(page)
}

export async function signInByForm(page: Page, url: string) {
  await page.goto(`${url}/instances`)
  await fillSignIn(page, 'alice')
  await isSignedIn(page)
}

async function isSignedIn(page: Page) {
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  await expect(page.getByRole('combobox', { name: 'Project' })).toBeVisible()
}

export async function fillSignIn(page: Page | Locator, user: string, password = PASSWORD) {
  await page.getByLabel('User name').fill(user)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** The administrator's page in a browser of this language, at whose words nothing is looked. */
export async function signInAs(browser: Browser, service: Service, locale: string): Promise<Page> {
  const context = await browser.newContext({ locale, viewport: { width: 1360, height: 860 }, reducedMotion: 'reduce' })
  const page = await context.newPage()
  await begin(page, service.url, 'admin', service.adminPassword())
  await expect(page.getByRole('navigation')).toBeVisible()
  return page
}

/**
 * Chooses the project in the header. The list was seen open with the old project a minute after the press, on a loaded
 * machine, twice in some thousand times: a person presses again, and so does this.
 */
export async function toProject(page: Page, name: string) {
  const picker = page.getByRole('combobox', { name: 'Project' })
  const chosen = page.locator('.ant-select-item-option').filter({ hasText: new RegExp(`^${name}$`) })
  await expect(async () => {
    if ((await picker.getAttribute('aria-expanded')) !== 'true') await picker.click()
    await chosen.click({ timeout: 10_000 })
    await expect(page.locator('.shell-header .ant-select')).toContainText(name, { timeout: 10_000 })
  }).toPass({ timeout: 60_000 })
}

/** Opens a page of the menu. The one before it stays, and takes presses, until the code of the new one is there. */
export async function to(page: Page, name: string) {
  const link = page.getByRole('navigation').getByRole('link', { name, exact: true })
  await link.click()
  await expect(link).toHaveAttribute('aria-current', 'page')
}

export const row = (page: Page | Locator, name: string) =>
  page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })

export async function select(page: Page, name: string) {
  await row(page, name).getByRole('checkbox').check()
}

export async function launch(page: Page, name: string, image: string, tab: 'Public' | 'Private' | 'Shared images', count = 1) {
  await page.getByRole('button', { name: 'Launch instance' }).first().click()
  await page.getByRole('tab', { name: tab }).click()
  await page.getByRole('radio', { name: image, exact: true }).check()
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name)
  await page.getByLabel('Count', { exact: true }).fill(String(count))
  await page.getByRole('radio', { name: 'No network' }).check()
  await page.getByRole('button', { name: 'Launch instance' }).click()
  await expect(page.getByRole('heading', { name: 'Instances' })).toBeVisible()
}

export async function additional(page: Page, item: string) {
  await page.getByRole('button', { name: 'Additional functions' }).click()
  await page.getByRole('menuitem', { name: item, exact: true }).click()
}

/** Waits until the page has what it shows, and nothing on it moves. */
export async function settled(page: Page) {
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  await expect(page.locator('.ant-spin-spinning, .ant-skeleton, .ant-zoom-appear, .ant-fade-appear, .ant-motion-collapse')).toHaveCount(0)
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState !== 'running' || animation.effect?.getTiming().iterations === Infinity))
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The serious and critical findings of axe, of all its rules or of these. */
export async function findings(page: Page, rules?: string[]): Promise<string[]> {
  // The page's own policy refuses an injected element, so it is evaluated.
  await page.evaluate(`if (!globalThis.axe) { ${AXE} }`)
  // All that passed is megabytes, which take longer to come here than the look itself.
  const violations = await page.evaluate(async (options) => {
    const axe = (globalThis as unknown as { axe: { run: (options: RunOptions) => Promise<AxeResults> } }).axe
    return (await axe.run(options)).violations
  }, rules ? { runOnly: rules } : {})
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary ?? ''}`))
}
