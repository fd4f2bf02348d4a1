// The ways into a guest: the line that signs in, its log, its screen.
import type { Page, WebSocket } from '@playwright/test'
import { additional, expect, findings, GUEST, settled, signIn, test } from './acts'
import type { Service } from './service'

const NEWEST = { 'openstack-api-version': 'compute 2.96' }
const card = (page: Page) => page.getByRole('region', { name: 'Connect' })
const line = (page: Page) => card(page).getByRole('group', { name: 'Command that signs in' })

/** An instance with a network, and how ssh is told the place of the host that leads to its SSH server. */
async function withNetwork(service: Service, name: string, image: string, key?: string): Promise<{ id: string; port: string; address: string }> {
  const token = await service.alice()
  const { flavors } = await service.ask<{ flavors: { id: string }[] }>(token, '/compute/v2.1/flavors')
  const server = { name, imageRef: image, flavorRef: flavors[0]?.id, networks: 'auto', ...(key && { key_name: key }) }
  const { server: { id } } = await service.ask<{ server: { id: string } }>(token, '/compute/v2.1/servers', 'POST', { server }, NEWEST)
  await service.until(`${name} runs`, async () => (await service.ask<{ server: { status: string } }>(token, `/compute/v2.1/servers/${id}`)).server.status === 'ACTIVE')
  const { ports } = await service.ask<{ ports: { 'effigy:forwards': { host: string }[] }[] }>(token, `/network/v2.0/ports?device_id=${id}`)
  const [address = 'none', port = 'none'] = ports[0]?.['effigy:forwards'][0]?.host.split(':') ?? []
  return { id, port: port === '22' ? '' : `-p ${port} `, address }
}

test('an instance says how to sign in: with its user, key, address and port', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const keypair = { name: 'laptop', public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqkRmGQvC0NQ1e8aL1Ck0bZ5l8fGkKZb8Wf2pTq3hZr laptop' }
  await service.ask(token, '/compute/v2.1/os-keypairs', 'POST', { keypair })
  const image = await service.microImage(token, { name: 'as-debian', os_distro: 'debian' })
  const { id, port, address } = await withNetwork(service, 'way-in', image, 'laptop')
  await signIn(page, `${service.url}/instances/${id}`)
  await expect(line(page)).toHaveText(`ssh -i laptop.pem ${port}debian@${address}`)
  await expect(card(page).getByRole('button', { name: 'Copy: Command that signs in' })).toBeVisible()
  await expect(card(page)).toContainText('The private half of the key pair laptop')
  // Nobody takes the address inside for one that can be reached.
  await page.goto(`${service.url}/instances?search=way-in`)
  await expect(page.getByRole('link', { name: 'way-in' })).toBeVisible()
  await expect(page.getByText('10.0.2.15')).toHaveCount(0)

  await page.getByRole('link', { name: 'way-in' }).click()
  // The list has such a menu too, and stays until the code of the instance's page is there.
  await expect(page.getByRole('heading', { level: 1, name: 'way-in' })).toBeVisible()
  await additional(page, 'Force off')
  await page.getByRole('dialog').getByRole('button', { name: 'Force off' }).click()
  await expect(card(page)).toContainText('It is not running. Start it', GUEST)
  await expect(line(page)).toHaveCount(0)
})

test('the user that an image names signs in, and without a key the page says so', async ({ page, cloud }) => {
  const { service } = cloud
  const image = await service.microImage(await service.alice(), { name: 'as-ops', os_distro: 'debian', os_admin_user: 'ops' })
  const { id, port, address } = await withNetwork(service, 'no-key', image)
  await signIn(page, service.url)
  for (const mode of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: mode, reducedMotion: 'reduce' })
    await page.goto(`${service.url}/instances/${id}`)
    await expect(line(page)).toHaveText(`ssh ${port}ops@${address}`)
    await expect(card(page)).toContainText('without a key pair')
    await settled(page)
    expect.soft(await findings(page), mode).toEqual([])
  }
})

test('where there is no way in, the page says why and what to do', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const id = await service.instance(token, 'no-network', cloud.image)
  const image = await service.microImage(token, { name: 'as-windows', os_type: 'windows' })
  const windows = await withNetwork(service, 'as-windows-1', image)
  await signIn(page, `${service.url}/instances/${id}`)
  await expect(card(page)).toContainText('without a network')
  await expect(card(page)).toContainText('serial console')
  await page.goto(`${service.url}/instances/${windows.id}`)
  await expect(card(page)).toContainText('No port of the host leads to its port 3389')
})

test('a log is searched, downloaded and shown in its colours', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const id = await service.instance(token, 'spoken', image)
  await signIn(page, service.url)
  // The micro guest repeats what it is sent, but for the letters that it obeys: w f r o p z.
  await service.types(page, await service.console(token, id, 'serial'), 'needle \u001b[31mNEEDLE\u001b[0m end')
  await page.goto(`${service.url}/instances/${id}`)
  const log = page.getByRole('log')
  await expect(log).toContainText('needle NEEDLE end', GUEST)
  await expect(log.locator('span', { hasText: 'NEEDLE' })).toHaveCSS('color', 'rgb(255, 123, 114)')
  const search = page.getByRole('textbox', { name: 'Search the log' })
  await search.fill('needle')
  const where = page.locator('.console').getByRole('status')
  await expect(where).toHaveText('1 of 2')
  await expect(log.locator('mark.chosen')).toHaveText('needle')
  await page.getByRole('button', { name: 'Next place' }).click()
  await expect(where).toHaveText('2 of 2')
  await expect(log.locator('mark.chosen')).toHaveText('NEEDLE')
  await search.press('Enter')
  await expect(where).toHaveText('1 of 2')
  await settled(page)
  expect(await findings(page)).toEqual([])
  await search.fill('hay')
  await expect(where).toHaveText('Not found')
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()])
  expect(download.suggestedFilename()).toBe('spoken-console.log')
  await page.getByRole('button', { name: 'Full screen' }).click()
  await expect(page.getByRole('button', { name: 'Leave full screen' })).toBeVisible()
  expect(await page.evaluate(() => document.fullscreenElement?.contains(document.querySelector('[role=log]')))).toBe(true)
  await page.getByRole('button', { name: 'Leave full screen' }).click()
  await expect(page.getByRole('button', { name: 'Full screen', exact: true })).toBeVisible()
})

/** The keys that a VNC session has sent: a number for each that went down. */
function keysOf(socket: WebSocket): number[] {
  const keys: number[] = []
  socket.on('framesent', ({ payload }) => {
    const bytes = Buffer.from(payload as Buffer)
    // A KeyEvent: its type, whether the key is down, two bytes of nothing, the key.
    if (bytes.length === 8 && bytes[0] === 4 && bytes[1] === 1) keys.push(bytes.readUInt32BE(4))
  })
  return keys
}

test('a text is typed into the screen as keys, and a sign that no key types is refused', async ({ page, cloud }) => {
  const { service, image } = cloud
  const id = await service.instance(await service.alice(), 'typed', image)
  await signIn(page, `${service.url}/instances/${id}`)
  const [socket] = await Promise.all([page.waitForEvent('websocket'), page.getByRole('tab', { name: 'Screen' }).click()])
  const keys = keysOf(socket)
  await page.getByRole('button', { name: 'Paste text' }).click(GUEST)
  const dialog = page.getByRole('dialog', { name: 'Paste text' })
  await dialog.getByLabel('Text to type').fill('é')
  await expect(dialog.getByRole('status')).toHaveText('No key types these: é')
  await expect(dialog.getByRole('button', { name: 'Type it' })).toBeDisabled()
  await settled(page)
  expect(await findings(page)).toEqual([])
  await dialog.getByLabel('Text to type').fill('aB|\n')
  await dialog.getByRole('button', { name: 'Type it' }).click()
  await expect(dialog).toBeHidden()
  await expect.poll(() => keys).toEqual([0x61, 0xffe1, 0x42, 0xffe1, 0x7c, 0xff0d])
})
