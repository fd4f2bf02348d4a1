import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { expect, row, signIn, test, to } from './acts'
import { ROOT, type Service } from './service'

const SIZE = '300M'

/** A file of 300 MB that boots. */
function file(service: Service, label: string): string {
  const path = join(service.folder, `${label}.raw`)
  execFileSync(join(ROOT, 'guests/micro.sh'), [path, label, SIZE])
  return path
}

async function md5(path: string) {
  const hash = createHash('md5')
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer)
  return hash.digest('hex')
}

/** A line that carries so many bytes a second, so that there is something to see. */
async function throttle(page: Page, uploadThroughput: number) {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Network.enable')
  await devtools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput })
}

async function begin(page: Page, service: Service, name: string) {
  await signIn(page, `${service.url}/images?kind=private`)
  await page.getByRole('button', { name: 'Upload image' }).click()
  const dialog = page.getByRole('dialog', { name: 'Upload image' })
  await dialog.locator('input[type=file]').setInputFiles(file(service, name))
  await expect(dialog).toContainText('300 MiB')
  await expect(dialog.getByLabel('Name')).toHaveValue(name)
  await expect(dialog.getByRole('group', { name: 'As openstack command' })).toContainText(`openstack image create ${name}`)
  await dialog.getByRole('button', { name: 'Upload', exact: true }).click()
  await expect(dialog).toBeHidden()
}

const percent = async (page: Page, name: string) => Number(await page.getByRole('progressbar', { name }).getAttribute('aria-valuenow'))

test('300 MB are uploaded with progress, while one goes on', async ({ page, cloud }) => {
  const { service } = cloud
  await page.goto(service.url)
  await throttle(page, 50_000_000)
  await begin(page, service, 'large')
  await expect.poll(() => percent(page, 'large'), { intervals: [100] }).toBeGreaterThan(5)
  expect(await percent(page, 'large')).toBeLessThan(100)
  // Walking through the console does not end it; leaving the console asks first.
  await to(page, 'Instances')
  await page.getByRole('link', { name: 'Activity: 1 thing under way' }).click()
  await expect(page.getByRole('listitem').filter({ hasText: 'large' })).toContainText(/Uploading.* of 300 MiB/)
  const asked = page.waitForEvent('dialog')
  const leaving = page.evaluate(() => location.reload()).catch(() => undefined)
  const question = await asked
  expect(question.type()).toBe('beforeunload')
  await question.dismiss()
  await leaving
  await to(page, 'Images')
  await expect(row(page, 'large')).toContainText('Ready', { timeout: 180_000 })
  await expect(row(page, 'large')).toContainText('300 MiB')
  const token = await service.alice()
  const { images } = await service.ask<{ images: { checksum: string }[] }>(token, '/image/v2/images?name=large')
  expect(images[0]?.checksum).toBe(await md5(join(service.folder, 'large.raw')))
})

test('an upload goes on where it was after its page was closed, with the same file only', async ({ page, cloud }) => {
  const { service } = cloud
  await page.goto(service.url)
  await throttle(page, 20_000_000)
  await begin(page, service, 'resumed')
  // The service brings its record up to date after 64 MiB or five seconds.
  await expect.poll(() => percent(page, 'resumed'), { intervals: [100], timeout: 60_000 }).toBeGreaterThan(45)
  page.once('dialog', (asked) => void asked.accept())
  await page.goto(`${service.url}/instances`)
  await page.goto(`${service.url}/images?kind=private`)
  await page.getByRole('link', { name: 'resumed', exact: true }).click()
  await page.getByRole('button', { name: 'Go on with the upload' }).click()
  const dialog = page.getByRole('dialog', { name: 'Go on with the upload of resumed' })
  await expect(dialog).toContainText(/MiB of 300 MiB of the file resumed.raw are there/)
  await dialog.locator('input[type=file]').setInputFiles({ name: 'resumed.raw', mimeType: 'application/octet-stream', buffer: Buffer.alloc(65_536, 7) })
  await expect(dialog.getByRole('alert')).toContainText('This is not the file')
  await expect(dialog.getByRole('button', { name: 'Go on', exact: true })).toBeDisabled()

  let sent = 0
  page.on('request', (request) => {
    if (request.method() === 'PATCH' && request.url().includes('/uploads/')) sent = Number(request.headers()['upload-offset'])
  })
  await dialog.locator('input[type=file]').setInputFiles(join(service.folder, 'resumed.raw'))
  await dialog.getByRole('button', { name: 'Go on', exact: true }).click()
  await expect(dialog).toBeHidden()
  await to(page, 'Images')
  await expect(row(page, 'resumed')).toContainText('Ready', { timeout: 180_000 })
  expect(sent).toBeGreaterThan(60_000_000)
  const token = await service.alice()
  const { images } = await service.ask<{ images: { checksum: string }[] }>(token, '/image/v2/images?name=resumed')
  expect(images[0]?.checksum).toBe(await md5(join(service.folder, 'resumed.raw')))
})

test('an upload that is cancelled leaves nothing', async ({ page, cloud }) => {
  const { service } = cloud
  await page.goto(service.url)
  await throttle(page, 10_000_000)
  await begin(page, service, 'unwanted')
  await expect.poll(() => percent(page, 'unwanted'), { intervals: [100] }).toBeGreaterThan(2)
  await row(page, 'unwanted').getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByText('The upload of unwanted was cancelled')).toBeVisible()
  await expect(row(page, 'unwanted')).toHaveCount(0)
  const token = await service.alice()
  const { images } = await service.ask<{ images: unknown[] }>(token, '/image/v2/images?name=unwanted&visibility=all')
  expect(images).toEqual([])
  const { usage } = await service.ask<{ usage: { image_count_uploading: { usage: number } } }>(token, '/image/v2/info/usage')
  expect(usage.image_count_uploading.usage).toBe(0)
})

test('a file that is not what it says is refused with the rule, and the page shows why', async ({ page, cloud }) => {
  const { service } = cloud
  await signIn(page, `${service.url}/images?kind=private`)
  await page.getByRole('button', { name: 'Upload image' }).click()
  const dialog = page.getByRole('dialog', { name: 'Upload image' })
  await dialog.locator('input[type=file]').setInputFiles({ name: 'broken.qcow2', mimeType: 'application/octet-stream', buffer: Buffer.alloc(65_536, 7) })
  await dialog.getByRole('button', { name: 'Upload', exact: true }).click()
  await expect(page.getByText('broken could not be uploaded')).toBeVisible()
  await expect(page.getByText(/The image is refused: .*qcow2/).first()).toBeVisible()
  await page.getByRole('link', { name: 'broken', exact: true }).click()
  await expect(page.getByRole('alert').filter({ hasText: 'The image could not be made' })).toBeVisible()
})

test('import from a URL is there exactly where the service lists it', async ({ page, cloud }) => {
  const { service } = cloud
  const info = await service.ask<{ 'import-methods': { value: string[] } }>(await service.alice(), '/image/v2/info/import')
  await signIn(page, `${service.url}/images?kind=private`)
  await expect(page.getByRole('button', { name: 'Upload image' })).toBeVisible()
  const button = page.getByRole('button', { name: 'Import from URL' })
  if (!info['import-methods'].value.includes('web-download')) return expect(button).toHaveCount(0)
  await button.click()
  const dialog = page.getByRole('dialog', { name: 'Import from URL' })
  await dialog.getByLabel('URL').fill('http://127.0.0.1:1/inside.qcow2')
  await expect(dialog.getByLabel('Name')).toHaveValue('inside')
  // The name follows a corrected URL, until the person writes one.
  await dialog.getByLabel('URL').fill('http://127.0.0.1:1/outside.qcow2')
  await expect(dialog.getByLabel('Name')).toHaveValue('outside')
  await dialog.getByLabel('Name').fill('inside')
  await dialog.getByLabel('URL').fill('http://127.0.0.1:1/again.qcow2')
  await expect(dialog.getByLabel('Name')).toHaveValue('inside')
  await dialog.getByRole('button', { name: 'Import', exact: true }).click()
  // An address inside the network: refused at once, or the record says why nothing came.
  const refused = dialog.getByRole('alert').or(row(page, 'inside').getByText('Failed'))
  await expect(refused.first()).toBeVisible()
})
