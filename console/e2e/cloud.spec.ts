// The console in a cloud of others, with a small Keystone and a small Nova of this file's own. The real ones are asked by
// `make openstack-console`.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { additional, expect, fillSignIn, findings, row, select, settled, test as base, to, toProject } from './acts'
import { PASSWORD, Service } from './service'

interface Asked {
  method: string
  path: string
  /** The token that asks, and the one that is asked about; each is USER.PROJECT. */
  token: string
  subject: string
  body: { auth?: Auth; server?: { name: string; imageRef: string }; [action: string]: unknown }
}

interface Auth {
  identity: { password?: { user: { name: string; password: string; domain: { name: string } } }; token?: { id: string } }
  scope?: { project: { id?: string } }
}

type Answer = [status: number, body?: unknown, headers?: Record<string, string>]

async function serve(answer: (asked: Asked) => Answer): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request
    void text(request).then((sent) => {
      const [token, subject] = [headers['x-auth-token'], headers['x-subject-token']].map(String)
      const [status, said, more] = answer({ method, path, token: token ?? '', subject: subject ?? '', body: JSON.parse(sent || '{}') as Asked['body'] })
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(said === undefined ? '' : JSON.stringify(said))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const DOMAIN = { id: 'default', name: 'Default' }
const PROJECTS = ['web', 'batch'].map((name) => ({ id: `${name}-id`, name, domain: DOMAIN }))

/** Alice is a member of both projects, Root an administrator; the service user has a password of its own. */
const keystone = (nova: string) =>
  serve(({ method, path, subject, body }) => {
    const catalog = [{ id: 'c', type: 'compute', name: 'nova', endpoints: [{ interface: 'internal', region_id: 'One', url: `${nova}/v2.1` }] }, { id: 'i', type: 'image', name: 'effigy', endpoints: [] }]
    const shown = (token: string) => {
      const [name = '', project] = token.split('.')
      const role = { root: 'admin', effigy: 'service' }[name] ?? 'member'
      const times = { issued_at: '2026-01-01T00:00:00Z', expires_at: '2100-01-01T00:00:00Z' }
      return { token: { user: { id: `${name}-id`, name, domain: DOMAIN }, project: PROJECTS.find(({ id }) => id === project), roles: [{ id: role, name: role }], methods: ['password'], audit_ids: [token], catalog, ...times } }
    }
    if (method === 'POST' && path === '/v3/auth/tokens' && body.auth) {
      const { identity, scope } = body.auth
      const person = identity.password?.user
      if (person && (person.password !== PASSWORD || person.domain.name !== 'Default')) return [401, {}]
      const token = `${person?.name ?? identity.token?.id.split('.')[0]}.${scope?.project.id ?? 'web-id'}`
      return [201, shown(token), { 'x-subject-token': token }]
    }
    if (method === 'DELETE') return [204]
    if (path.startsWith('/v3/auth/tokens')) return [200, shown(subject)]
    if (path === '/v3/auth/projects' || path === '/v3/projects') return [200, { projects: PROJECTS }]
    if (path === '/v3/auth/catalog') return [200, { catalog }]
    if (path.startsWith('/v3/OS-REVOKE')) return [200, { events: [] }]
    return [200, { application_credentials: [] }]
  })

/** Each server runs at once, stops at once and is resized at once; a screen is on a page of its own. */
function nova() {
  const servers = new Map<string, Record<string, unknown>>()
  const flavor = { original_name: 'small', vcpus: 1, ram: 512, disk: 1 }
  const listed = [['f', flavor], ['g', { original_name: 'large', vcpus: 2, ram: 1024, disk: 2 }], ['h', { original_name: 'none', vcpus: 1, ram: 256, disk: 0 }]] as const
  return serve(({ method, path, token, body }) => {
    const [, id = ''] = /servers\/(s\d+)/.exec(path) ?? []
    const server = servers.get(id)
    if (path === '/v2.1/') return [200, { version: { version: '2.90' } }]
    if (path.startsWith('/v2.1/flavors')) return [200, { flavors: listed.map(([id, one]) => ({ id, name: one.original_name, ...one, swap: 0, 'OS-FLV-EXT-DATA:ephemeral': 0, 'os-flavor-access:is_public': true, description: null, extra_specs: {} })) }]
    if (path.startsWith('/v2.1/os-keypairs')) return [200, { keypairs: [] }]
    if (path.startsWith('/v2.1/servers/detail')) return [200, { servers: [...servers.values()].filter((one) => one.tenant_id === token.split('.')[1]) }]
    if (path === '/v2.1/servers' && body.server) {
      const made = { id: `s${servers.size + 1}`, name: body.server.name, status: 'ACTIVE', tenant_id: token.split('.')[1], user_id: 'alice-id', description: null, metadata: {}, tags: [], image: { id: body.server.imageRef }, flavor, key_name: null }
      servers.set(made.id, { ...made, addresses: { lan: [{ addr: '10.0.0.5', version: 4, 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': '' }] }, created: '2026-01-01T00:00:00Z', updated: '2026-01-01T00:00:00Z', 'OS-EXT-STS:task_state': null, 'OS-SRV-USG:launched_at': null })
      return [202, { server: { id: made.id } }]
    }
    if (!server) return [404, { itemNotFound: { code: 404, message: 'no such server' } }]
    if (path.endsWith('/remote-consoles')) return [200, { remote_console: { url: 'https://nova.example.org/vnc_lite.html?token=once' } }]
    if ('os-getConsoleOutput' in body) return [200, { output: 'hello from Nova' }]
    if ('os-stop' in body) server.status = 'SHUTOFF'
    if ('pause' in body) server.status = 'PAUSED'
    if ('unpause' in body || 'confirmResize' in body) server.status = 'ACTIVE'
    if ('resize' in body) Object.assign(server, { status: 'VERIFY_RESIZE', flavor: listed.find(([id]) => id === (body.resize as { flavorRef: string }).flavorRef)?.[1] })
    if ('rebuild' in body) server.image = { id: (body.rebuild as { imageRef: string }).imageRef }
    if ('confirmResize' in body) return [204]
    return method === 'GET' ? [200, { server }] : [202]
  })
}

const test = base.extend<object, { elsewhere: Service }>({
  elsewhere: [
    async ({}, use) => {
      const compute = await nova()
      const identity = await keystone(compute.url)
      const service = await Service.start(`enabled = false\n[identity]\nmode = "keystone"\n[keystone]\nauth_url = "${identity.url}/v3"\nusername = "effigy"\npassword = "${PASSWORD}"\n`)
      try {
        await use(service)
      } finally {
        await service.stop()
        compute.server.close()
        identity.server.close()
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

test('in a cloud the instances are its own, and the console says what it lacks', async ({ page, elsewhere }) => {
  const image = await elsewhere.microImage('alice.web-id', { name: 'mine' })
  await page.goto(`${elsewhere.url}/launch?image=${image}`)
  await page.getByRole('button', { name: 'Another domain' }).click()
  await page.getByLabel('Domain').fill('Elsewhere')
  await fillSignIn(page, 'alice')
  await expect(page.getByRole('alert')).toContainText('wrong')
  await page.getByLabel('Domain').fill('Default')
  await fillSignIn(page, 'alice')
  await page.getByLabel('Name', { exact: true }).fill('server-1')
  await page.getByRole('button', { name: 'Launch instance' }).click()
  await expect(row(page, 'server-1')).toContainText('Running')

  await page.getByRole('link', { name: 'server-1', exact: true }).click()
  await expect(page.getByRole('log')).toContainText('hello from Nova')
  await expect(page.getByText('ssh USER@10.0.0.5')).toBeVisible()
  await page.getByRole('tab', { name: 'Screen' }).click()
  await page.getByRole('button', { name: 'Prepare the screen' }).click()
  const link = page.getByRole('link', { name: 'Open the screen' })
  await expect(link).toHaveAttribute('href', 'https://nova.example.org/vnc_lite.html?token=once')
  await expect(link).toHaveAttribute('rel', /noopener/)
  await page.getByRole('tab', { name: 'Serial console' }).click()
  await expect(page.getByText('for programs only')).toBeVisible()
  await settled(page)
  expect(await findings(page)).toEqual([])

  await to(page, 'Instances')
  await select(page, 'server-1')
  await page.getByRole('button', { name: 'Additional functions' }).click()
  await expect(page.getByRole('menuitem', { name: 'Force off' })).toBeDisabled()
  await page.getByRole('menuitem', { name: 'Instance shutdown', exact: true }).click()
  await expect(row(page, 'server-1')).toContainText('Stopped')
  await toProject(page, 'batch')
  await expect(page.getByText('No instances yet')).toBeVisible()
})

test('in a cloud an instance is paused, resized and rebuilt, too, and it says what Nova’s revert loses', async ({ page, elsewhere }) => {
  const image = await elsewhere.microImage('alice.batch-id', { name: 'first' })
  await elsewhere.microImage('alice.batch-id', { name: 'second' })
  await page.goto(`${elsewhere.url}/instances`)
  await fillSignIn(page, 'alice')
  await toProject(page, 'batch')
  await page.goto(`${elsewhere.url}/launch?image=${image}`)
  await page.getByRole('radio', { name: 'small', exact: true }).check()
  await page.getByLabel('Name', { exact: true }).fill('server-2')
  await page.getByRole('button', { name: 'Launch instance' }).click()
  await page.getByRole('link', { name: 'server-2', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'server-2' })).toBeVisible()
  const head = page.locator('.page-head')
  const main = page.getByRole('main')
  await additional(page, 'Pause')
  await expect(head).toContainText('Paused')
  await main.getByRole('button', { name: 'Resume' }).click()
  await expect(head).toContainText('Running')

  await additional(page, 'Resize…')
  let dialog = page.getByRole('dialog', { name: 'Resize instance' })
  // Nova gives no flavor without a disk to an instance that has one.
  await expect(dialog.getByRole('row', { name: /none/ })).toContainText('never shrinks')
  await dialog.getByRole('radio', { name: 'large', exact: true }).check()
  await dialog.getByRole('button', { name: 'Resize' }).click()
  await expect(main).toContainText('Data that was written since the resize may be lost by Revert.')
  await main.getByRole('button', { name: 'Confirm' }).click()
  await expect(head).toContainText('Running')

  await additional(page, 'Rebuild…')
  dialog = page.getByRole('dialog', { name: 'Rebuild' })
  await dialog.getByRole('button', { name: 'Choose another' }).click()
  await dialog.getByRole('radio', { name: 'second', exact: true }).check()
  await dialog.getByLabel('Erase the disk of this instance').check()
  await dialog.getByRole('button', { name: 'Rebuild' }).click()
  await expect(page.locator('.facts')).toContainText('second')
})

test('the pages of people say where they are, and flavors are shown and not changed', async ({ page, elsewhere }) => {
  await page.goto(`${elsewhere.url}/users`)
  await fillSignIn(page, 'root')
  await expect(page.getByRole('heading', { name: 'Keystone keeps the users' })).toBeVisible()
  const navigation = page.getByRole('navigation')
  await expect(navigation.getByRole('link', { name: 'Projects' })).toHaveCount(0)
  await to(page, 'Flavors')
  await expect(page.getByRole('cell', { name: 'small' })).toBeVisible()
  await expect(page.getByText('they are changed there')).toBeVisible()
  await expect(page.getByRole('main').getByRole('button')).toHaveCount(0)
})
