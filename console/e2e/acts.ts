// What a person does, in the words of the console.
import { expect, type Page, test as base } from '@playwright/test'
import { PASSWORD, Service } from './service'

interface Furnished {
  service: Service
  projects: Record<string, string>
  admin: string
  image: string
}

/** One furnished service for all claims of a file. */
export const test = base.extend<object, { cloud: Furnished }>({
  cloud: [
    async ({}, use) => {
      const service = await Service.start()
      try {
        await use({ service, ...(await service.furnish()) })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 120_000 },
  ],
})

export { expect }

export async function signIn(page: Page, url: string, user = 'alice', password = PASSWORD) {
  await page.goto(url)
  await page.getByLabel('User name').fill(user)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByRole('heading', { name: 'Instances' })).toBeVisible()
}

export async function toProject(page: Page, name: string) {
  const picker = page.getByRole('combobox', { name: 'Project' })
  await picker.click()
  await page.locator('.ant-select-item-option').filter({ hasText: new RegExp(`^${name}$`) }).click()
  await expect(page.locator('.shell-header .ant-select')).toContainText(name)
}

export const row = (page: Page, name: string) =>
  page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })

export async function select(page: Page, name: string) {
  await row(page, name).getByRole('checkbox').check()
}

export async function launch(page: Page, name: string, image: string, tab: 'Public' | 'Private' | 'Shared images', count = 1) {
  await page.getByRole('button', { name: 'Launch instance' }).first().click()
  await page.getByRole('tab', { name: tab }).click()
  await page.getByRole('radio', { name: image, exact: true }).check()
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByLabel('Count', { exact: true }).fill(String(count))
  await page.getByRole('radio', { name: 'No network' }).check()
  await page.getByRole('button', { name: 'Launch instance' }).click()
  await expect(page.getByRole('heading', { name: 'Instances' })).toBeVisible()
}

export async function additional(page: Page, item: string) {
  await page.getByRole('button', { name: 'Additional functions' }).click()
  await page.getByRole('menuitem', { name: item, exact: true }).click()
}
