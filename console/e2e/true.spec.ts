// The page at every moment: it never shows what belongs elsewhere, and says when it cannot know.
import { expect, GUEST, row, settled, signIn, test, to, toProject } from './acts'

test('rows of one tab are never shown under another', async ({ page, cloud }) => {
  const { service } = cloud
  await service.image(await service.alice(), { name: 'only-private' })
  await signIn(page, `${service.url}/images?kind=private`)
  await expect(row(page, 'only-private')).toBeVisible()
  const held: (() => void)[] = []
  await page.route(/\/effigy\/v1\/images\?.*kind=shared/, async (route) => {
    await new Promise<void>((resolve) => held.push(resolve))
    await route.continue()
  })
  await page.getByRole('tab', { name: 'Shared images' }).click()
  await expect.poll(() => held.length).toBeGreaterThan(0)
  await expect(row(page, 'only-private')).toHaveCount(0)
  held.forEach((go) => go())
  await settled(page)
  await expect(row(page, 'only-private')).toHaveCount(0)
})

test('a lost connection says so and since when, and goes by itself', async ({ page, context, cloud }) => {
  await signIn(page, `${cloud.service.url}/instances`)
  await expect(page.getByRole('heading', { name: 'Instances' })).toBeVisible()
  await context.setOffline(true)
  await expect(page.locator('.connection')).toContainText('Connection lost. This page shows what was true at')
  await context.setOffline(false)
  await expect(page.locator('.connection')).toHaveText('')
})

test('ages tick while nothing else changes', async ({ page, cloud }) => {
  const { service } = cloud
  await service.image(await service.alice(), { name: 'young' })
  await signIn(page, `${service.url}/images?kind=private&search=young`)
  const age = row(page, 'young').locator('time')
  const first = await age.textContent()
  await page.route(/\/effigy\//, (route) => route.abort())
  await expect.poll(() => age.textContent()).not.toBe(first)
})

test('an end that nobody asked for says why', async ({ page, cloud }) => {
  const { service } = cloud
  const id = await service.instance(await service.alice(), 'felled', cloud.image)
  await signIn(page, service.url)
  service.killGuest(id)
  await page.goto(`${service.url}/instances`)
  await expect(row(page, 'felled')).toContainText('Stopped unexpectedly', GUEST)
  await page.getByRole('link', { name: 'felled' }).click()
  await expect(page.getByRole('alert').filter({ hasText: 'QEMU ended unexpectedly' })).toBeVisible()
  await page.getByRole('tab', { name: 'History' }).click()
  await expect(page.getByRole('row', { name: /Instance shutdown.*QEMU ended unexpectedly/ })).toBeVisible()
})

test('a guest that restarts itself again and again is told, and why that may be', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  // A boot sector that does nothing but to reset the machine: mov al, 0xfe; out 0x64, al; hlt.
  const disk = new Uint8Array(1 << 20)
  disk.set([0xb0, 0xfe, 0xe6, 0x64, 0xf4])
  disk.set([0x55, 0xaa], 510)
  const id = await service.launched(token, 'looping', await service.image(token, { name: 'resets' }, disk))
  await signIn(page, `${service.url}/instances/${id}`)
  await expect(page.getByRole('alert').filter({ hasText: /restarted itself \d+ times/ })).toContainText('too little memory')
  await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
})

test('an image that somebody deleted is not shown as there', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const id = await service.image(token, { name: 'doomed' })
  await signIn(page, `${service.url}/images/${id}`)
  await expect(page.getByRole('heading', { name: 'doomed' })).toBeVisible()
  await service.ask(token, `/image/v2/images/${id}`, 'DELETE')
  // A page asks nothing again that it asked a moment ago.
  await expect(async () => {
    await page.evaluate(() => dispatchEvent(new Event('visibilitychange')))
    await expect(page.getByRole('heading', { name: 'Image doomed was deleted' })).toBeVisible({ timeout: 1000 })
  }).toPass()
})

test('a page after something deleted is the first page', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const gone = await service.image(token, { name: 'marker' })
  await service.image(token, { name: 'stays' })
  await service.ask(token, `/image/v2/images/${gone}`, 'DELETE')
  await signIn(page, `${service.url}/images?kind=private&after=${gone}`)
  await expect(row(page, 'stays')).toBeVisible()
  expect(new URL(page.url()).searchParams.get('after')).toBeNull()
})

test('two tabs work in two projects, and neither disturbs the other', async ({ page, context, cloud }) => {
  const { service, projects } = cloud
  const id = await service.image(await service.alice(), { name: 'in-web' })
  await signIn(page, `${service.url}/images/${id}?project=${projects.web}`)
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  const dialog = page.getByRole('dialog', { name: 'Edit image' })
  await dialog.getByLabel('Name').fill('half-typed')

  const other = await context.newPage()
  await other.goto(`${service.url}/images?kind=private`)
  await toProject(other, 'night')
  expect(new URL(other.url()).searchParams.get('project')).toBe(projects.night)
  await expect(row(other, 'in-web')).toHaveCount(0)

  await expect(dialog.getByLabel('Name')).toHaveValue('half-typed')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByRole('heading', { name: 'half-typed' })).toBeVisible()

  // A link leads into its project, also from a tab that is in another.
  await other.goto(`${service.url}/images/${id}?project=${projects.web}`)
  await expect(other.getByRole('heading', { name: 'half-typed' })).toBeVisible()
  await expect(other.locator('.shell-header .ant-select')).toContainText('web')
  await other.goBack()
  await expect(other.locator('.shell-header .ant-select')).toContainText('night')

  // Signing out is for all of them.
  await other.getByRole('button', { name: 'Account' }).click()
  await other.getByRole('menuitem', { name: 'Sign out' }).click()
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
  for (const { name } of await context.cookies()) expect(name).not.toContain('effigy')
})

test('an upload that is cancelled from another project leaves nothing', async ({ page, cloud }) => {
  const { service } = cloud
  await signIn(page, `${service.url}/images?kind=private`)
  // Slow enough to be cancelled.
  const session = await page.context().newCDPSession(page)
  await session.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 200_000 })
  await page.getByRole('button', { name: 'Upload image' }).click()
  const dialog = page.getByRole('dialog', { name: 'Upload image' })
  await dialog.locator('input[type=file]').setInputFiles(service.zeros('slow.raw', 30 << 20))
  await dialog.getByRole('button', { name: 'Upload', exact: true }).click()
  await expect(row(page, 'slow')).toBeVisible()
  await toProject(page, 'night')
  await page.getByRole('link', { name: /^Activity/ }).click()
  await page.getByRole('button', { name: 'Cancel slow' }).click()
  await session.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 })
  await toProject(page, 'web')
  await to(page, 'Images')
  await page.getByRole('tab', { name: 'Private' }).click()
  await expect(row(page, 'slow')).toHaveCount(0)
})

test('a page that did not come leaves the rest of the console', async ({ page, cloud }) => {
  await signIn(page, cloud.service.url)
  let isAway = true
  await page.route(/\/(assets\/KeyPairs|healthz)/, (route) => (isAway ? route.abort() : route.continue()))
  await to(page, 'Key pairs')
  await expect(page.getByText('The service cannot be reached.')).toBeVisible()
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Images' })).toBeVisible()
  isAway = false
  await expect(page.getByText('Perhaps a new version was installed.')).toBeVisible()
  await page.getByRole('button', { name: 'Load again' }).click()
  await expect(page.getByRole('heading', { name: 'Key pairs' })).toBeVisible()
})

test('an address without a page says so to a person', async ({ page, cloud }) => {
  await signIn(page, cloud.service.url)
  const answer = await page.goto(`${cloud.service.url}/nothing`)
  expect(answer?.status()).toBe(404)
  await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible()
  const machine = await fetch(`${cloud.service.url}/nothing`)
  expect(machine.headers.get('content-type')).toContain('json')
})
