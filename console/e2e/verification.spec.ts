import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { additional, expect, findings, row, select, settled, signIn, test } from './acts'
import { CARELESS, PROGRAM, ROOT, Service } from './service'

const more = async (page: Page, item: string) => {
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: item, exact: true }).click()
}

test('what somebody careless left is on the image’s page, the worst first, and in no list is it passed', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const id = await service.verified(token, { name: 'careless' }, service.linuxDisk(CARELESS))
  await signIn(page, `${service.url}/images?kind=private&search=careless`)
  await expect(row(page, 'careless')).toContainText('4 problems')
  const ask = (verdict: string) => page.goto(`${service.url}/images?kind=private&search=careless&verdict=${verdict}`)
  for (const [verdict, count] of [['clean', 0], ['problems', 1], ['partly', 0]] as const) {
    await ask(verdict)
    await expect(count ? row(page, 'careless') : page.getByText('Nothing matches the filters')).toBeVisible()
  }
  await ask('problems')
  await page.getByRole('link', { name: 'careless', exact: true }).click()
  await page.getByRole('tab', { name: 'Security report' }).click()
  const card = page.getByRole('region', { name: 'Security report' })
  await expect(card).toContainText(/effigy \d.*20\d\d/)
  expect(await card.getByRole('region').evaluateAll((parts) => parts.map((part) => part.getAttribute('aria-label')))).toEqual(['High', 'Medium', 'Information'])
  const key = card.getByRole('listitem').filter({ hasText: 'private_key' })
  await expect(key).toContainText('/root/.ssh/id_rsa')
  await expect(key).toContainText('Whoever has the image has this private key.')
  await expect(key).toContainText('Remove the key, and replace it wherever it is accepted.')
  await expect(card).toContainText('/home/김/.aws/credentials')
  expect(await page.content()).not.toContain('c2VjcmV0LWNhbmFyeQ')

  // Again: it goes on from where it was, and ends.
  const asked = page.waitForResponse((response) => response.request().method() === 'POST' && response.url().endsWith(`${id}/verification`))
  await card.getByRole('button', { name: 'Verify again' }).click()
  expect((await asked).status()).toBe(202)
  await expect(card.getByRole('button', { name: 'Verify again' })).toBeEnabled()
  await expect(card).toContainText('4 problems')

  // In another language nothing of what the console knows is English.
  await page.getByRole('button', { name: 'Language' }).click()
  await page.getByRole('menuitem', { name: '한국어' }).click()
  const korean = page.getByRole('region', { name: '보안 검증' })
  await expect(korean).toContainText('Image를 가진 사람은 이 개인 키도 갖게 됩니다.')
  await expect(korean).not.toContainText('Whoever')
})

test('a clean image has passed, and its statement is checked without the service', async ({ page, cloud }) => {
  const { service } = cloud
  await signIn(page, `${service.url}/images?kind=private&search=clean`)
  const token = await service.alice()
  const bytes = service.linuxDisk()
  const id = await service.image(token, { name: 'clean' }, bytes)
  await page.reload()
  // The list shows it by itself.
  await expect(row(page, 'clean')).toContainText('Clean')
  await page.getByRole('link', { name: 'clean', exact: true }).click()
  await expect(page.getByRole('definition').filter({ hasText: 'debian 12' }).first()).toBeVisible()
  await page.getByRole('tab', { name: 'Security report' }).click()
  const card = page.getByRole('region', { name: 'Security report' })
  await expect(card).toContainText('No problems found.')
  await card.getByRole('button', { name: 'Signed statement' }).click()
  const dialog = page.getByRole('dialog', { name: 'Signed statement' })
  await expect(dialog.getByRole('group', { name: 'Commands that check it' })).toContainText(`effigy verify ${id}.statement.json`)
  const [download] = await Promise.all([page.waitForEvent('download'), dialog.getByRole('button', { name: 'Save as a file' }).click()])
  expect(download.suggestedFilename()).toBe(`${id}.statement.json`)
  const { public_key: key } = (await (await fetch(`${service.url}/effigy/v1/verification-key`)).json()) as { public_key: string }
  const [keyFile, imageFile] = [join(service.folder, 'key.pem'), join(service.folder, 'clean.raw')]
  writeFileSync(keyFile, key)
  writeFileSync(imageFile, bytes)
  expect(execFileSync(PROGRAM, ['verify', await download.path(), '--key', keyFile, '--image', imageFile]).toString()).toContain('passed')
})

test('whoever may only look does not verify', async ({ page, cloud }) => {
  const { service } = cloud
  const id = await service.verified(await service.alice(), { name: 'seen' }, service.linuxDisk())
  await signIn(page, `${service.url}/images/${id}?tab=report`, 'rita')
  const card = page.getByRole('region', { name: 'Security report' })
  await expect(card).toContainText('Clean')
  await expect(card.getByRole('button', { name: 'Verify again' })).toBeDisabled()
})

test('a Windows that is not generalised is refused in full, and made only for a reason that the image carries', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const image = await service.image(token, { name: 'windows' }, service.windowsDisk('complete.raw'))
  await service.stopped(token, 'windows-1', image)
  await signIn(page, service.url)
  await select(page, 'windows-1')
  await additional(page, 'Create image')
  const dialog = page.getByRole('dialog', { name: 'Create image' })
  await expect(dialog.getByRole('textbox')).toHaveCount(1)
  await dialog.getByLabel('Name').fill('windows-template')
  await dialog.getByRole('button', { name: 'Create image' }).click()
  await expect(dialog.getByRole('alert')).toContainText('IMAGE_STATE_COMPLETE')
  await expect(dialog.getByRole('alert')).toContainText('sysprep /generalize /oobe /shutdown')
  await settled(page)
  expect(await findings(page)).toEqual([])
  await expect(dialog).toContainText('The image carries this reason')
  await dialog.getByRole('button', { name: 'Create image anyway' }).click()
  await expect(dialog).toContainText('Required')
  await dialog.getByLabel('Reason').fill('a template for one machine')
  await dialog.getByRole('button', { name: 'Create image anyway' }).click()
  await page.getByRole('link', { name: 'Show the image' }).click()
  await expect(page.getByRole('heading', { name: 'windows-template' })).toBeVisible()
  await expect(page.getByRole('alert').filter({ hasText: 'Windows may not be generalized' })).toContainText('a template for one machine')
  await page.getByRole('tab', { name: 'Security report' }).click()
  await expect(page.getByRole('region', { name: 'Security report' })).toContainText('windows_not_generalized')
})

test('an image that did not pass is made Public only for a reason that everybody reads', async ({ page, browser, cloud }) => {
  const { service, admin } = cloud
  const id = await service.verified(admin, { name: 'refused' }, service.linuxDisk(CARELESS))
  const held = await service.image(admin, { name: 'held', visibility: 'public' }, service.linuxDisk({ 'root/.netrc': 'password x' }))
  await signIn(page, `${service.url}/images/${id}`, 'admin', service.adminPassword())
  await more(page, 'Make Public')
  await page.getByRole('dialog', { name: 'Make this image Public?' }).getByRole('button', { name: 'Make Public' }).click()
  const dialog = page.getByRole('dialog', { name: 'Make Public', exact: true })
  await expect(dialog).toContainText('refused did not pass its verification')
  await expect(dialog).toContainText('Private key: /root/.ssh/id_rsa')
  await settled(page)
  expect(await findings(page)).toEqual([])
  await expect(dialog.getByLabel('Reason')).toBeFocused()
  await dialog.getByLabel('Reason').fill('the key is a sample')
  await dialog.getByRole('button', { name: 'Publish anyway' }).click()
  await expect(dialog).toBeHidden()
  await expect(page.getByRole('alert').filter({ hasText: 'administrator’s decision' })).toContainText('the key is a sample')

  // Declared so before it had bytes: held back, with the why, until somebody answers for it.
  await page.goto(`${service.url}/images?kind=public&search=held`)
  await expect(row(page, 'held')).toContainText('Public: held')
  await page.goto(`${service.url}/images/${held}`)
  const notice = page.getByRole('alert').filter({ hasText: 'It is declared Public and is held back' })
  await expect(notice).toContainText('/root/.netrc')
  await more(page, 'Make Public')
  await dialog.getByLabel('Reason').fill('no password is in it')
  await dialog.getByRole('button', { name: 'Publish anyway' }).click()
  await expect(notice).toHaveCount(0)
  const other = await browser.newPage()
  await signIn(other, `${service.url}/images/${held}`, 'bob')
  await expect(other.getByRole('alert').filter({ hasText: 'administrator’s decision' })).toContainText('no password is in it')
  await other.close()
})

async function share(page: Page, url: string, id: string) {
  await signIn(page, `${url}/images/${id}`)
  await page.getByRole('button', { name: 'Share with other projects' }).click()
  const dialog = page.getByRole('dialog', { name: 'Share image' })
  const before = dialog.getByRole('alert').filter({ hasText: 'Whoever gets the image gets this too' })
  await expect(before).toContainText('/root/.ssh/id_rsa')
  await dialog.getByRole('list', { name: 'Projects', exact: true }).getByRole('button', { name: 'batch' }).click()
  await dialog.getByRole('button', { name: 'Share with other projects' }).click()
  return dialog
}

test('sharing says what is handed on, before and after', async ({ page, cloud }) => {
  const { service } = cloud
  const id = await service.verified(await service.alice(), { name: 'handed' }, service.linuxDisk(CARELESS))
  const dialog = await share(page, service.url, id)
  await expect(dialog.getByRole('status')).toContainText('Shared with batch')
  const warning = dialog.getByRole('alert').filter({ hasText: 'It was shared' })
  await expect(warning).toContainText('Private key: /root/.ssh/id_rsa')
  await expect(warning).toContainText('/home/김/.aws/credentials')
  await settled(page)
  expect(await findings(page)).toEqual([])
})

test('where sharing such an image is refused, the dialog says so', async ({ page }) => {
  const service = await Service.start('[inspect]\nshare = "refuse"\n')
  try {
    await service.furnish()
    const id = await service.verified(await service.alice(), { name: 'kept' }, service.linuxDisk(CARELESS))
    const dialog = await share(page, service.url, id)
    await expect(dialog.getByRole('status')).toContainText('This deployment does not share such an image.')
  } finally {
    await service.stop()
  }
})

test('a cleaned copy is made of what can be cured, and is not offered where nobody set that up', async ({ page, cloud }) => {
  const there = cloud.service
  const id = await there.verified(await there.alice(), { name: 'uncured' }, there.linuxDisk(CARELESS))
  await signIn(page, `${there.url}/images/${id}?tab=report`)
  await expect(page.getByRole('region', { name: 'Security report' })).toContainText('Private key')
  await expect(page.getByRole('button', { name: 'Make a cleaned copy' })).toHaveCount(0)

  const folder = join(ROOT, '.cache/guests/cleaner')
  execFileSync(join(ROOT, 'guests/cleaner.sh'), [folder])
  const service = await Service.start(`[inspect]\ncleaner = "${folder}"\n`)
  try {
    await service.furnish()
    const source = await service.verified(await service.alice(), { name: 'careless' }, service.linuxDisk(CARELESS))
    await signIn(page, `${service.url}/images/${source}?tab=report`)
    await page.getByRole('button', { name: 'Make a cleaned copy' }).click()
    await expect(page.getByRole('heading', { name: 'careless (generalised)' })).toBeVisible()
    await page.getByRole('tab', { name: 'Security report' }).click()
    const card = page.getByRole('region', { name: 'Security report' })
    await expect(card).toContainText('/root/.ssh/id_rsa', { timeout: 120_000 })
    // The key is somebody's; what is the machine's own is gone.
    await expect(card).not.toContainText('/etc/machine-id')
    await expect(card).not.toContainText('/root/.bash_history')
    await expect(page.getByRole('button', { name: 'Make a cleaned copy' })).toHaveCount(0)
  } finally {
    await service.stop()
  }
})
