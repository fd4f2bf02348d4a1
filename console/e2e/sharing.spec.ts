// Sharing to its end: an offer, its answer, a change of mind, and who loses what.
import type { Page } from '@playwright/test'
import { expect, findings, row, select, settled, signIn, test as base } from './acts'
import { type Furnished, Service } from './service'

/** A deployment where images are offered to any project. */
const test = base.extend<object, { open: Furnished & { service: Service } }>({
  open: [
    async ({}, use) => {
      const service = await Service.start('[sharing]\nscope = "any"\n')
      try {
        await use({ service, ...(await service.furnish()) })
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

async function offer(open: Furnished & { service: Service }, name: string, project: string): Promise<string> {
  const token = await open.service.alice()
  const id = await open.service.microImage(token, { name })
  await open.service.ask(token, `/image/v2/images/${id}/members`, 'POST', { member: open.projects[project] })
  return id
}

async function toShared(page: Page, service: Service) {
  await signIn(page, `${service.url}/images?kind=shared`, 'bob')
  await settled(page)
}

test('an offer is a row that says from whom it is, and is accepted there', async ({ page, open }) => {
  const { service } = open
  await offer(open, 'golden-offer', 'other')
  await toShared(page, service)
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Images' })).toContainText('one offer')
  await expect(page.getByRole('tab', { name: /Shared images/ })).toContainText('one offer')
  const offered = row(page, 'golden-offer')
  await expect(offered).toContainText('Offered by web')
  await expect(offered.getByRole('checkbox')).toBeDisabled()
  expect(await findings(page)).toEqual([])
  // It can be looked into before it is answered.
  await page.getByRole('link', { name: 'golden-offer', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'golden-offer' })).toBeVisible()
  await page.goBack()
  await offered.getByRole('button', { name: 'Accept golden-offer' }).click()
  await expect(page.getByText('golden-offer is among your shared images')).toBeVisible()
  await expect(offered).toContainText('Ready')
  await expect(offered).not.toContainText('Offered')
  await expect(page.getByRole('tab', { name: /Shared images/ })).not.toContainText('offer')
  await expect(offered.getByRole('cell', { name: 'web', exact: true })).toBeVisible()
})

test('a rejected offer is taken back at once or later, and a shared image is given up', async ({ page, open }) => {
  const { service } = open
  await offer(open, 'doubtful', 'other')
  await toShared(page, service)
  await row(page, 'doubtful').getByRole('button', { name: 'Reject doubtful' }).click()
  await expect(row(page, 'doubtful')).toHaveCount(0)
  await page.getByRole('button', { name: 'Take it back' }).click()
  await expect(row(page, 'doubtful')).toContainText('Ready')

  await select(page, 'doubtful')
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Remove from this project' }).click()
  const dialog = page.getByRole('dialog', { name: 'Remove this shared image?' })
  await expect(dialog).toContainText('Instances that were launched from it go on.')
  await dialog.getByRole('button', { name: 'Remove from this project' }).click()
  await expect(row(page, 'doubtful')).toHaveCount(0)
  const rejected = page.getByRole('region', { name: 'Rejected' })
  await expect(rejected.getByRole('listitem')).toContainText('Offered by web')
  await rejected.getByRole('button', { name: 'Accept doubtful' }).click()
  await expect(row(page, 'doubtful')).toContainText('Ready')
  await expect(rejected).toHaveCount(0)
})

test('the projects that lose an image are named before it is deleted, and before a share ends', async ({ page, open }) => {
  const { service, projects } = open
  const id = await offer(open, 'handed-out', 'batch')
  await service.ask(await service.alice(), `/image/v2/images/${id}/members`, 'POST', { member: projects.other })
  const bob = await service.token('bob', 'correct horse battery staple', 'other')
  await service.ask(bob, `/image/v2/images/${id}/members/${projects.other}`, 'PUT', { status: 'accepted' })
  await signIn(page, `${service.url}/images?kind=private&search=handed-out`)
  await select(page, 'handed-out')
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await expect(page.getByRole('dialog')).toContainText('2 projects that it is shared with lose it: batch, other.')
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await page.getByRole('button', { name: 'Share with other projects' }).click()
  const dialog = page.getByRole('dialog', { name: 'Share image' })
  const shared = dialog.getByRole('list', { name: 'Shared projects' })
  // The other project has accepted, so its name is told.
  await shared.getByRole('button', { name: 'other' }).click()
  await dialog.getByRole('list', { name: 'Projects', exact: true }).getByRole('button', { name: 'night' }).click()
  await expect(dialog).toContainText('2 projects · one new')
  await expect(dialog).toContainText('1 project · one will end')
  await expect(dialog.getByRole('alert').filter({ hasText: 'Instances that they launched from it go on.' })).toBeVisible()
  expect(await findings(page)).toEqual([])
})
