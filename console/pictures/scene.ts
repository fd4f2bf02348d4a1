// A service with something to see in it, for pictures.
import { test as base } from '@playwright/test'
import { CARELESS, Service, type Furnished } from '../e2e/service'

export interface Scene extends Furnished {
  service: Service
  token: string
  golden: string
  careless: string
  instances: string[]
}

async function set(service: Service): Promise<Scene> {
  const furnished = await service.furnish()
  const { admin, projects, image } = furnished
  const token = await service.alice()
  await service.verified(admin, { name: 'debian-13', visibility: 'public', os_distro: 'debian', os_version: '13' }, service.linuxDisk())
  const careless = await service.verified(token, { name: 'web-old' }, service.linuxDisk(CARELESS))
  const instances = await Promise.all(['web-1', 'web-2', 'db-1'].map((name) => service.instance(token, name, image)))
  const [first = ''] = instances
  const server = `/compute/v2.1/servers/${first}`
  await service.ask(token, `${server}/action`, 'POST', { 'os-stop': null })
  const isStopped = async () => (await service.ask<{ server: { status: string } }>(token, server)).server.status === 'SHUTOFF'
  await service.until('web-1 is stopped', isStopped)
  const { image_id: golden } = await service.ask<{ image_id: string }>(token, `${server}/action`, 'POST', { createImage: { name: 'web-golden' } }, { 'openstack-api-version': 'compute 2.96' })
  await service.until('web-golden is ready', async () => (await service.ask<{ status: string }>(token, `/image/v2/images/${golden}`)).status === 'active')
  await service.ask(token, `/image/v2/images/${golden}/members`, 'POST', { member: projects.batch })
  await service.image(token, { name: 'windows-2025', os_distro: 'windows', os_version: '2025' })
  const key = { name: 'laptop', public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqkRmGQvC0NQ1e8aL1Ck0bZ5l8fGkKZb8Wf2pTq3hZr laptop' }
  await service.ask(token, '/compute/v2.1/os-keypairs', 'POST', { keypair: key })
  return { service, token, golden, careless, instances, ...furnished }
}

export const test = base.extend<object, { scene: Scene }>({
  scene: [
    async ({}, use) => {
      const service = await Service.start()
      try {
        await use(await set(service))
      } finally {
        await service.stop()
      }
    },
    { scope: 'worker', timeout: 300_000 },
  ],
})
