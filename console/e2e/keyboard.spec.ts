// The whole guide again, and nothing but keys.
import type { Locator, Page } from '@playwright/test'
import { expect, GUEST, LAPTOP, row, slowly, test } from './acts'
import { PASSWORD } from './service'

const focused = (at: Locator) => at.evaluate((element) => element === document.activeElement)

/** Presses a key until this has the focus. */
async function press(page: Page, key: string, at: Locator) {
  await expect(at).toBeVisible()
  for (let n = 0; n < 120; n += 1) {
    if (await focused(at)) return
    await page.keyboard.press(key)
  }
  throw new Error(`${key} does not lead to ${String(at)}`)
}

const tabTo = (page: Page, at: Locator) => press(page, 'Tab', at)

async function push(page: Page, at: Locator) {
  await tabTo(page, at)
  await page.keyboard.press('Enter')
}

async function additional(page: Page, item: string) {
  await push(page, page.getByRole('button', { name: 'Additional functions' }))
  await expect(page.locator('.ant-dropdown [role=menuitem]:focus')).toBeVisible()
  await press(page, 'ArrowDown', page.getByRole('menuitem', { name: item, exact: true }))
  await page.keyboard.press('Enter')
}

async function openTab(page: Page, name: string) {
  const wanted = page.getByRole('tab', { name })
  await expect(wanted).toBeVisible()
  if ((await wanted.getAttribute('aria-selected')) === 'true') return
  await tabTo(page, page.getByRole('tab', { selected: true }).first())
  await press(page, 'ArrowRight', wanted)
  await page.keyboard.press('Enter')
  await expect(wanted).toHaveAttribute('aria-selected', 'true')
}

async function tick(page: Page, name: string) {
  await tabTo(page, row(page, name).getByRole('checkbox'))
  await page.keyboard.press('Space')
  await expect(row(page, name).getByRole('checkbox')).toBeChecked()
}

async function launch(page: Page, name: string, image: string, tab: string, count: number) {
  await push(page, page.getByRole('button', { name: 'Launch instance' }).first())
  await expect(page.getByRole('heading', { name: 'Launch instance' })).toBeVisible()
  await openTab(page, tab)
  await tabTo(page, page.getByRole('radio', { name: image, exact: true }))
  await page.keyboard.press('Space')
  await tabTo(page, page.getByLabel('Name', { exact: true }))
  await page.keyboard.type(name)
  await tabTo(page, page.getByLabel('Count', { exact: true }))
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type(String(count))
  await tabTo(page, page.getByRole('radio', { name: 'Isolated network (SSH by port)' }))
  await press(page, 'ArrowDown', page.getByRole('radio', { name: 'No network' }))
  await push(page, page.getByRole('button', { name: 'Launch instance' }))
  await expect(page.getByRole('heading', { name: 'Instances' })).toBeVisible()
}

const go = (page: Page, name: string) => push(page, page.getByRole('navigation').getByRole('link', { name, exact: true }))

async function toProject(page: Page, name: string) {
  await tabTo(page, page.getByRole('combobox', { name: 'Project' }))
  await page.keyboard.press('Enter')
  await page.keyboard.type(name)
  await expect(page.locator('.ant-select-item-option-active')).toHaveText(name)
  await page.keyboard.press('Enter')
  await expect(page.locator('.shell-header .ant-select')).toContainText(name)
}

test.use({ viewport: LAPTOP })

test('the whole guide by keys alone, on a small laptop with a slow line', async ({ page, cloud }) => {
  test.setTimeout(600_000)
  await slowly(page)
  await page.goto(`${cloud.service.url}/instances`)
  await expect(page.getByLabel('User name')).toBeFocused()
  await page.keyboard.type('alice')
  await page.keyboard.press('Tab')
  await page.keyboard.type(PASSWORD)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Instances' })).toBeVisible()
  await toProject(page, 'night')

  await launch(page, 'keys-1', 'micro', 'Public', 1)
  await expect(row(page, 'keys-1')).toContainText('Running', GUEST)
  await tick(page, 'keys-1')
  await additional(page, 'Instance shutdown')
  await expect(row(page, 'keys-1')).toContainText('Stopped', GUEST)
  await additional(page, 'Create image')
  const name = page.getByRole('dialog', { name: 'Create image' }).getByLabel('Name')
  await expect(name).toBeFocused()
  await page.keyboard.type('silver')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog', { name: 'Create image' })).toBeHidden()

  await go(page, 'Images')
  await openTab(page, 'Private')
  await expect(row(page, 'silver')).toContainText('Ready', GUEST)
  await tick(page, 'silver')
  await push(page, page.getByRole('button', { name: 'Share with other projects' }))
  const dialog = page.getByRole('dialog', { name: 'Share image' })
  const mine = dialog.getByRole('list', { name: 'Projects', exact: true })
  for (const project of ['batch', 'web']) await push(page, mine.getByRole('button', { name: project }))
  await expect(dialog.getByRole('list', { name: 'Shared projects' }).getByRole('button')).toHaveCount(2)
  await push(page, dialog.getByRole('button', { name: 'Share with other projects' }))
  await expect(dialog.getByRole('status')).toContainText('Shared with batch')
  await expect(dialog.getByRole('status')).toContainText('Shared with web')
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()

  await toProject(page, 'batch')
  await openTab(page, 'Shared images')
  await expect(row(page, 'silver')).toContainText('night')
  await go(page, 'Instances')
  await launch(page, 'copy', 'silver', 'Shared images', 3)
  for (const copy of ['copy-1', 'copy-2', 'copy-3']) {
    await expect(row(page, copy)).toContainText('Running', GUEST)
    await push(page, page.getByRole('link', { name: copy, exact: true }))
    await expect(page.getByRole('log')).toContainText('MICRO-READY micro 0002 OK', GUEST)
    await go(page, 'Instances')
  }
})
