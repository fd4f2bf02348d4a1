// The ways into a guest.
import type { Page } from '@playwright/test'
import { additional, expect, findings, GUEST, settled, signIn, test } from './acts'
import type { Service } from './service'

const NEWEST = { 'openstack-api-version': 'compute 2.96' }
const card = (page: Page) => page.getByRole('region', { name: 'Connect' })
const line = (page: Page) => card(page).getByRole('group', { name: 'Command that signs in' })

/** An instance with a network, and the port of the host that leads to its SSH server. */
async function withNetwork(service: Service, name: string, image: string, key?: string): Promise<{ id: string; port: string }> {
  const token = await service.alice()
  const { flavors } = await service.ask<{ flavors: { id: string }[] }>(token, '/compute/v2.1/flavors')
  const server = { name, imageRef: image, flavorRef: flavors[0]?.id, networks: 'auto', ...(key && { key_name: key }) }
  const { server: { id } } = await service.ask<{ server: { id: string } }>(token, '/compute/v2.1/servers', 'POST', { server }, NEWEST)
  await service.until(`${name} runs`, async () => (await service.ask<{ server: { status: string } }>(token, `/compute/v2.1/servers/${id}`)).server.status === 'ACTIVE')
  const { ports } = await service.ask<{ ports: { 'effigy:forwards': { host: string }[] }[] }>(token, `/network/v2.0/ports?device_id=${id}`)
  return { id, port: ports[0]?.['effigy:forwards'][0]?.host.split(':')[1] ?? 'none' }
}

test('an instance says how to sign in: with its user, key, address and port', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const keypair = { name: 'laptop', public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqkRmGQvC0NQ1e8aL1Ck0bZ5l8fGkKZb8Wf2pTq3hZr laptop' }
  await service.ask(token, '/compute/v2.1/os-keypairs', 'POST', { keypair })
  const image = await service.microImage(token, { name: 'as-debian', os_distro: 'debian' })
  const { id, port } = await withNetwork(service, 'way-in', image, 'laptop')
  await signIn(page, service.url)
  await page.goto(`${service.url}/instances/${id}`)
  await expect(line(page)).toHaveText(`ssh -i laptop.pem -p ${port} debian@127.0.0.1`)
  await expect(card(page).getByRole('button', { name: 'Copy: Command that signs in' })).toBeVisible()
  await expect(card(page)).toContainText('The private half of the key pair laptop')
  // Nobody takes the address inside for one that can be reached.
  await page.goto(`${service.url}/instances?search=way-in`)
  await expect(page.getByRole('link', { name: 'way-in' })).toBeVisible()
  await expect(page.getByText('10.0.2.15')).toHaveCount(0)

  await page.getByRole('link', { name: 'way-in' }).click()
  await additional(page, 'Force off')
  await page.getByRole('dialog').getByRole('button', { name: 'Force off' }).click()
  await expect(card(page)).toContainText('It is not running. Start it', GUEST)
  await expect(line(page)).toHaveCount(0)
})

test('the user that an image names signs in, and without a key the page says so', async ({ page, cloud }) => {
  const { service } = cloud
  const image = await service.microImage(await service.alice(), { name: 'as-ops', os_distro: 'debian', os_admin_user: 'ops' })
  const { id, port } = await withNetwork(service, 'no-key', image)
  await signIn(page, service.url)
  for (const mode of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: mode, reducedMotion: 'reduce' })
    await page.goto(`${service.url}/instances/${id}`)
    await expect(line(page)).toHaveText(`ssh -p ${port} ops@127.0.0.1`)
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
  await signIn(page, service.url)
  await page.goto(`${service.url}/instances/${id}`)
  await expect(card(page)).toContainText('without a network')
  await expect(card(page)).toContainText('serial console')
  await page.goto(`${service.url}/instances/${windows.id}`)
  await expect(card(page)).toContainText('No port of the host leads to its port 3389')
})
