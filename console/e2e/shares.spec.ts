// Shares on terms, from both sides, and what rests on an image before it goes.
import type { Page } from '@playwright/test'
import { expect, findings, LAPTOP, row, select, settled, signIn, test as base } from './acts'
import { type Furnished, PASSWORD, Service } from './service'

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

const NOTE = 'Debian 13 with our agent.\nPlease launch it from m1.tiny on.'

interface Share {
  expires_at: string | null
  reason: string | null
  note: string | null
  status: string
}

const shareOf = async (service: Service, image: string, project: string | undefined) =>
  service.ask<Share>(await service.alice(), `/effigy/v1/images/${image}/shares/${project}`)

async function openShare(page: Page, name: string) {
  await select(page, name)
  await page.getByRole('button', { name: 'Share with other projects' }).click()
  return page.getByRole('dialog', { name: 'Share image' })
}

test('a share with an end and a note is offered, accepted, changed and ended, and both sides keep its history', async ({ page, browser, open }) => {
  const { service, projects } = open
  const image = await service.microImage(await service.alice(), { name: 'lent' })
  await signIn(page, `${service.url}/images?kind=private&search=lent`)
  const dialog = await openShare(page, 'lent')
  await dialog.getByRole('searchbox', { name: 'ID of another project' }).or(dialog.getByLabel('ID of another project')).first().fill(projects.other ?? '')
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()

  await test.step('an end that has been is refused before it is sent, and so is a text that is too long', async () => {
    const submit = dialog.getByRole('button', { name: 'Share with other projects' })
    await dialog.getByRole('combobox', { name: 'Ends' }).click()
    await page.locator('.ant-select-item-option').filter({ hasText: 'In a week' }).click()
    const at = dialog.getByLabel('Date and time of the end')
    const week = await at.inputValue()
    await at.fill('2020-01-01T10:00')
    await expect(dialog.getByRole('alert').filter({ hasText: 'The end is to come' })).toBeVisible()
    await expect(submit).toBeDisabled()
    await at.fill(week)
    await dialog.getByRole('button', { name: 'Add a note or a reason' }).click()
    await dialog.getByLabel('Reason').fill('가'.repeat(342))
    await expect(dialog).toContainText('1,026 of 1,024 bytes')
    await expect(submit).toBeDisabled()
    await dialog.getByLabel('Reason').fill('for the audit in spring')
    await dialog.getByLabel('Note to the receiver').fill(NOTE)
    // The command that is shown does the same.
    await expect(dialog.getByRole('group', { name: 'As curl command' })).toContainText(`"expires_at":"${new Date(week).toISOString().replace('.000', '')}"`)
    expect(await findings(page)).toEqual([])
    await submit.click()
    await expect(dialog.getByRole('status')).toContainText('Shared with')
    const share = await shareOf(service, image, projects.other)
    expect(share).toMatchObject({ note: NOTE, reason: 'for the audit in spring', status: 'pending' })
    expect(Date.parse(share.expires_at ?? '')).toBe(Date.parse(week))
  })

  const other = await browser.newPage()
  await test.step('the receiver reads the note and the end before it accepts', async () => {
    await signIn(other, `${service.url}/`, 'bob')
    await expect(other.getByRole('alert').filter({ hasText: 'offers this one an image' })).toContainText('Ends in 7 days')
    await other.getByRole('link', { name: 'Look at the offers' }).click()
    const offered = row(other, 'lent')
    await expect(offered).toContainText('Debian 13 with our agent.')
    await expect(offered).toContainText('Ends in 7 days')
    await expect(offered).not.toContainText('for the audit')
    await other.getByRole('link', { name: 'lent', exact: true }).click()
    const notice = other.getByRole('alert').filter({ hasText: 'Offered by web' })
    await expect(notice).toContainText('Please launch it')
    expect(await findings(other)).toEqual([])
    await notice.getByRole('button', { name: 'Accept' }).click()
    await expect(other.getByRole('alert').filter({ hasText: 'Shared with this project by web' })).toContainText('Ends in 7 days')
    await expect(other.locator('body')).not.toContainText('for the audit')
  })

  await test.step('its owner changes one term, and the others stay', async () => {
    await page.goto(`${service.url}/images/${image}?tab=sharing`)
    const shares = page.getByRole('region', { name: 'Sharing', exact: true })
    await expect(shares.getByRole('listitem').filter({ hasText: 'other' })).toContainText('for the audit in spring')
    await expect(shares.getByRole('listitem').filter({ hasText: 'other' })).toContainText('Never launched · Never downloaded')
    const before = await shareOf(service, image, projects.other)
    await shares.getByRole('button', { name: 'Change terms for other' }).click()
    const edit = page.getByRole('dialog', { name: 'Terms for other' })
    await edit.getByLabel('Reason').fill('for the audit in autumn')
    await edit.getByRole('button', { name: 'Save' }).click()
    await expect(edit).toHaveCount(0)
    await expect(shares.getByRole('listitem').filter({ hasText: 'other' })).toContainText('for the audit in autumn')
    expect(await shareOf(service, image, projects.other)).toEqual({ ...before, reason: 'for the audit in autumn' })
    await shares.getByRole('button', { name: 'Change terms for other' }).click()
    await edit.getByRole('combobox', { name: 'Ends' }).click()
    await page.locator('.ant-select-item-option').filter({ hasText: 'Never' }).click()
    await edit.getByRole('button', { name: 'Save' }).click()
    await expect(shares.getByRole('listitem').filter({ hasText: 'other' })).toContainText('No end')
    await settled(page)
    expect(await findings(page)).toEqual([])
  })

  await test.step('it is used, ended, and both have its history', async () => {
    const bob = await service.token('bob', PASSWORD, 'other')
    const sent = await fetch(`${service.url}/image/v2/images/${image}/file`, { headers: { 'x-auth-token': bob } })
    await sent.arrayBuffer()
    await service.launched(bob, 'borrowed', image)
    await page.reload()
    await page.getByRole('button', { name: 'End the sharing with other' }).click()
    const end = page.getByRole('dialog', { name: 'End the sharing with other?' })
    await expect(end).toContainText('Launched once')
    await expect(end).toContainText('One instance in another project was launched from it and goes on.')
    await end.getByRole('button', { name: 'End the sharing' }).click()
    await expect(end).toHaveCount(0)
    const history = page.getByRole('region', { name: 'History' })
    // A project that has nothing of this one any more is told by its id.
    await expect(history).toContainText('Launched once · Downloaded once')
    await expect(history).toContainText(new RegExp(`Sharing with (other|${projects.other}) ended here`))
    await expect(history).toContainText('Reason: for the audit in spring')
    await other.goto(`${service.url}/images?kind=shared`)
    const received = other.getByRole('region', { name: 'What was offered to this project' })
    await received.getByRole('button', { name: 'Show' }).click()
    await expect(received).toContainText('lent was offered')
    await expect(received).toContainText('lent: its owner ended the sharing')
    await expect(received).not.toContainText('audit')
  })
  await other.close()
})

test('a share that comes to its end goes from the receiver’s list, and the history says so', async ({ page, open }) => {
  const { service, projects } = open
  const token = await service.alice()
  const image = await service.microImage(token, { name: 'for-a-moment' })
  await service.ask(token, `/effigy/v1/images/${image}/shares`, 'POST', { project: projects.batch, expires_at: new Date(Date.now() + 9000).toISOString().replace(/\.\d+Z$/, 'Z') })
  await signIn(page, `${service.url}/images?kind=shared`, 'alice', PASSWORD, projects.batch)
  await expect(row(page, 'for-a-moment')).toBeVisible()
  await service.until('it has ended', async () => (await service.ask<{ shares: unknown[] }>(token, `/effigy/v1/images/${image}/shares`)).shares.length === 0)
  await page.reload()
  await expect(row(page, 'for-a-moment')).toHaveCount(0)
  const received = page.getByRole('region', { name: 'What was offered to this project' })
  await received.getByRole('button', { name: 'Show' }).click()
  await expect(received).toContainText('for-a-moment: the sharing ended by its date')
})

test('before an image is deleted or deactivated it is told what rests on it', async ({ page, open }) => {
  const { service, projects } = open
  const token = await service.alice()
  const image = await service.microImage(token, { name: 'rested-on' })
  await service.ask(token, `/effigy/v1/images/${image}/shares`, 'POST', { project: projects.batch })
  await service.ask(token, `/effigy/v1/images/${image}/shares`, 'POST', { project: projects.other })
  const instance = await service.launched(token, 'resting', image)
  await service.launched(await service.alice('batch'), 'elsewhere', image)
  await service.image(token, { name: 'made-from-it', base_image_ref: image })
  await signIn(page, `${service.url}/images/${image}?tab=uses`)
  const ifDeleted = page.getByRole('region', { name: 'If it is deleted' })
  await expect(ifDeleted).toContainText('One instance in another project was launched from it and goes on.')
  await expect(ifDeleted).toContainText('One offer that waits for an answer is gone.')
  await expect(ifDeleted).toContainText(/come free/)
  expect(await findings(page)).toEqual([])

  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Deactivate' }).click()
  const deactivate = page.getByRole('dialog', { name: 'Deactivate this image?' })
  await expect(deactivate).toContainText('One project that it is shared with cannot use it meanwhile: batch.')
  await expect(deactivate).toContainText('None of these instances can be rebuilt from it meanwhile.')
  await deactivate.getByRole('button', { name: 'Deactivate' }).click()
  await expect(deactivate).toHaveCount(0)
  await expect(page.getByText('Deactivated').first()).toBeVisible()

  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  const dialog = page.getByRole('dialog', { name: 'Delete this image?' })
  await expect(dialog).toContainText('One project that it is shared with loses it: batch.')
  await expect(dialog).toContainText('One image of this project was made from it and stays: made-from-it')
  await expect(dialog).toContainText('None of these instances can be rebuilt from it any more.')
  expect(await findings(page)).toEqual([])
  // A link leaves the question behind.
  await dialog.getByRole('link', { name: 'resting' }).click()
  await expect(page).toHaveURL(new RegExp(`/instances/${instance}`))
  await expect(dialog).toHaveCount(0)
})

test('the button that shares stays in sight with all terms open', async ({ page, open }) => {
  const { service } = open
  await service.microImage(await service.alice(), { name: 'much-said' })
  await page.setViewportSize(LAPTOP)
  await signIn(page, `${service.url}/images?kind=private&search=much-said`)
  const dialog = await openShare(page, 'much-said')
  await dialog.getByRole('list', { name: 'Projects', exact: true }).getByRole('button', { name: 'batch' }).click()
  await dialog.getByRole('button', { name: 'Add a note or a reason' }).click()
  await dialog.getByLabel('Note to the receiver').fill('line\n'.repeat(30))
  await expect(dialog.getByRole('button', { name: 'Share with other projects' })).toBeInViewport({ ratio: 1 })
})
