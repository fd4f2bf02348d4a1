// The real program with real guests, for the claims beside this file.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Page } from '@playwright/test'

export const ROOT = resolve(import.meta.dirname, '../..')
export const PROGRAM = process.env.EFFIGY ?? join(ROOT, 'target/debug/effigy')
export const PASSWORD = 'correct horse battery staple'

export interface Id {
  id: string
}

export interface Furnished {
  admin: string
  projects: Record<string, string>
  image: string
}

/** Name, role and projects; the first is where they begin. */
const PEOPLE: [string, string, string[]][] = [
  ['alice', 'member', ['web', 'batch', 'night']],
  ['bob', 'member', ['other']],
  ['rita', 'reader', ['web']],
]

/** A small Linux in which nothing is wrong. */
const CLEAN = {
  'etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  'etc/shadow': 'root:*:19000:0:99999:7:::\n',
  'bin/sh': '#!',
}

/** The files that somebody careless left; no secret in them is real. */
export const CARELESS = {
  'root/.ssh/id_rsa': '-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0LWNhbmFyeQ\n',
  'home/김/.aws/credentials': 'aws_secret_access_key = no\n',
  'root/.bash_history': 'ls\n',
  'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  'var/cache/apt/archives/a.deb': 'a',
}

const NEWEST = { 'openstack-api-version': 'compute 2.96' }

/** A running service with a data folder of its own. */
export class Service {
  readonly folder = mkdtempSync(join(tmpdir(), 'effigy-console-'))
  private readonly data = join(this.folder, 'data')
  private child?: ChildProcess
  url = ''

  static async start(settings = ''): Promise<Service> {
    const service = new Service()
    writeFileSync(join(service.folder, 'effigy.toml'), `[instances]\naccel = "tcg"\nstop_grace_secs = 60\n${settings}`)
    await service.run()
    return service
  }

  private async run() {
    const words = ['serve', '--config', join(this.folder, 'effigy.toml'), '--data', this.data, '--listen', '127.0.0.1:0']
    this.child = spawn(PROGRAM, words, { stdio: ['ignore', 'ignore', 'pipe'] })
    let log = ''
    this.child.stderr?.on('data', (piece: Buffer) => (log = (log + piece.toString()).slice(-4000)))
    const deadline = Date.now() + 60_000
    for (;;) {
      if (this.child.exitCode !== null) throw new Error(`the service ended: ${log}`)
      if (Date.now() > deadline) throw new Error(`the service is not ready: ${log}`)
      if (existsSync(join(this.data, 'address'))) {
        this.url = readFileSync(join(this.data, 'address'), 'utf8').trim()
        const ready = await fetch(`${this.url}/readyz`).catch(() => undefined)
        if (ready?.ok) return
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Ends the service and its guests, which would outlive it. */
  async stop() {
    const ended = new Promise((resolve) => this.child?.once('exit', resolve))
    this.child?.kill('SIGTERM')
    await ended
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        // Each runs in its instance's folder.
        const isOurs = readlinkSync(`/proc/${pid}/cwd`).startsWith(join(this.data, 'instances'))
        if (isOurs && readlinkSync(`/proc/${pid}/exe`).includes('qemu-system')) process.kill(Number(pid), 'SIGKILL')
      } catch {
        // It ended by itself, or is not ours to look at.
      }
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** A token, as any client gets one. */
  async token(user: string, password: string, project: string): Promise<string> {
    const named = { name: user, domain: { id: 'default' }, password }
    const scope = { project: { name: project, domain: { id: 'default' } } }
    const auth = { identity: { methods: ['password'], password: { user: named } }, scope }
    const answer = await fetch(`${this.url}/identity/v3/auth/tokens`, { method: 'POST', body: JSON.stringify({ auth }) })
    const token = answer.headers.get('x-subject-token')
    if (!token) throw new Error(`no token for ${user}: ${await answer.text()}`)
    return token
  }

  /** The password that the first start made. */
  adminPassword(): string {
    const clouds = readFileSync(join(this.data, 'clouds.yaml'), 'utf8')
    const found = /password:\s*['"]?([^'"\n]+)/.exec(clouds)
    if (!found?.[1]) throw new Error('clouds.yaml has no password')
    return found[1]
  }

  async ask<T>(token: string, path: string, method = 'GET', body?: unknown, more: Record<string, string> = {}): Promise<T> {
    const init = { method, headers: { 'x-auth-token': token, 'content-type': 'application/json', ...more }, body: body === undefined ? undefined : JSON.stringify(body) }
    const answer = await fetch(this.url + path, init)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (text ? JSON.parse(text) : undefined) as T
  }

  /** Alice with the projects web, batch and night; Bob with other; Rita who only looks; and a Public image of the micro guest. */
  async furnish(): Promise<Furnished> {
    const admin = await this.token('admin', this.adminPassword(), 'admin')
    const v3 = '/identity/v3'
    const { roles } = await this.ask<{ roles: (Id & { name: string })[] }>(admin, `${v3}/roles`)
    const projects: Record<string, string> = {}
    for (const name of ['web', 'batch', 'night', 'other']) {
      const made = await this.ask<{ project: Id }>(admin, `${v3}/projects`, 'POST', { project: { name } })
      projects[name] = made.project.id
    }
    for (const [name, role, own] of PEOPLE) {
      const user = { name, password: PASSWORD, default_project_id: projects[own[0] ?? ''] }
      const made = await this.ask<{ user: Id }>(admin, `${v3}/users`, 'POST', { user })
      const roleId = roles.find((one) => one.name === role)?.id
      for (const project of own) {
        await this.ask(admin, `${v3}/projects/${projects[project]}/users/${made.user.id}/roles/${roleId}`, 'PUT')
      }
    }
    // A boot sector has no system to look into: whoever makes it public says why.
    const reason = { effigy_public_reason: 'a test guest' }
    const record = { name: 'micro', visibility: 'public', os_distro: 'micro', ...reason }
    return { admin, projects, image: await this.microImage(admin, record) }
  }

  /** An image of the guest that boots in a third of a second. */
  async microImage(token: string, fields: { name: string } & Record<string, unknown>): Promise<string> {
    const disk = join(this.folder, 'micro.raw')
    execFileSync(join(ROOT, 'guests/micro.sh'), [disk, fields.name.slice(0, 60), '4M'])
    return this.image(token, fields, readFileSync(disk))
  }

  /** An image with these bytes, by a client of the API. */
  async image(token: string, fields: { name: string } & Record<string, unknown>, bytes?: Uint8Array): Promise<string> {
    const record = { disk_format: 'raw', container_format: 'bare', ...fields }
    const image = await this.ask<Id>(token, '/image/v2/images', 'POST', record)
    if (!bytes) return image.id
    const headers = { 'x-auth-token': token, 'content-type': 'application/octet-stream' }
    const sent = await fetch(`${this.url}/image/v2/images/${image.id}/file`, { method: 'PUT', headers, body: bytes as Uint8Array<ArrayBuffer> })
    if (!sent.ok) throw new Error(`upload: ${sent.status} ${await sent.text()}`)
    return image.id
  }

  /** A file of so many zeros, given to the browser by its path: bytes of a claim's own go there as text, for many seconds. */
  zeros(name: string, size: number): string {
    const path = join(this.folder, name)
    writeFileSync(path, '')
    truncateSync(path, size)
    return path
  }

  /** The bytes of a disk with an ext4 of a small Linux, and these files in it. */
  linuxDisk(more: Record<string, string> = {}): Uint8Array {
    const work = mkdtempSync(join(this.folder, 'disk-'))
    for (const [path, content] of Object.entries({ ...CLEAN, ...more })) {
      mkdirSync(dirname(join(work, 'tree', path)), { recursive: true })
      writeFileSync(join(work, 'tree', path), content)
    }
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', join(work, 'tree'), join(work, 'disk'), '8M'], { env })
    return readFileSync(join(work, 'disk'))
  }

  /** One of the disks of `guests/windows.sh`. */
  windowsDisk(name: 'complete.raw' | 'generalized.raw'): Uint8Array {
    const folder = join(this.folder, 'windows')
    execFileSync(join(ROOT, 'guests/windows.sh'), [folder])
    return readFileSync(join(folder, name))
  }

  /** An image with these bytes that has been verified. */
  async verified(token: string, fields: { name: string } & Record<string, unknown>, bytes: Uint8Array): Promise<string> {
    const id = await this.image(token, fields, bytes)
    const path = `/effigy/v1/images/${id}/verification`
    await this.until(`${fields.name} is verified`, async () => (await this.ask<{ state: string; verdict: unknown }>(token, path)).verdict !== null)
    return id
  }

  /** Alice, as a client of the API. */
  alice = (project = 'web') => this.token('alice', PASSWORD, project)

  /** An instance that runs, by a client of the API; its console has said that the guest is up. */
  async instance(token: string, name: string, image: string): Promise<string> {
    const id = await this.launched(token, name, image)
    await this.until(`${name} is up`, async () => (await this.log(token, id)).includes(' OK'))
    return id
  }

  /** An instance that was just asked for. */
  async launched(token: string, name: string, image: string, flavor?: string, key?: string): Promise<string> {
    const { flavors } = await this.ask<{ flavors: (Id & { name: string })[] }>(token, '/compute/v2.1/flavors')
    const server = { name, imageRef: image, flavorRef: (flavors.find((one) => one.name === flavor) ?? flavors[0])?.id, networks: 'none', ...(key && { key_name: key }) }
    return (await this.ask<{ server: Id }>(token, '/compute/v2.1/servers', 'POST', { server }, NEWEST)).server.id
  }

  /** An instance that is off, whatever is on its disk. */
  async stopped(token: string, name: string, image: string, flavor?: string): Promise<string> {
    const id = await this.launched(token, name, image, flavor)
    const becomes = (status: string) =>
      this.until(`${name} is ${status}`, async () => (await this.ask<{ server: { status: string } }>(token, `/compute/v2.1/servers/${id}`)).server.status === status)
    await becomes('ACTIVE')
    await this.ask(token, `/effigy/v1/instances/${id}/actions/force-off`, 'POST')
    await becomes('SHUTOFF')
    return id
  }

  /** Ends an instance's QEMU, as the host's kernel does when memory runs out. */
  killGuest(id: string) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const command = join('/proc', pid, 'cmdline')
      if (existsSync(command) && readFileSync(command, 'utf8').includes(`guest=effigy-${id}`)) process.kill(Number(pid), 'SIGKILL')
    }
  }

  async log(token: string, id: string): Promise<string> {
    const path = `/compute/v2.1/servers/${id}/action`
    return (await this.ask<{ output: string }>(token, path, 'POST', { 'os-getConsoleOutput': {} })).output
  }

  /** Asks again until it is so. */
  async until(what: string, isSo: () => Promise<boolean>) {
    const deadline = Date.now() + 120_000
    while (!(await isSo().catch(() => false))) {
      if (Date.now() > deadline) throw new Error(`not within two minutes: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }

  /** The address of a console's WebSocket. */
  async console(token: string, id: string, protocol: 'vnc' | 'serial'): Promise<string> {
    const type = protocol === 'vnc' ? 'novnc' : 'serial'
    const body = { remote_console: { protocol, type } }
    const path = `/compute/v2.1/servers/${id}/remote-consoles`
    const answer = await this.ask<{ remote_console: { url: string } }>(token, path, 'POST', body, NEWEST)
    return answer.remote_console.url.replace(/^http/, 'ws')
  }

  /** Types on a serial console from a page of this service; one sign at a time, each heard before the next. */
  async types(page: Page, address: string, text: string) {
    await page.evaluate(
      async ({ address, text }) => {
        const socket = new WebSocket(address, ['binary'])
        socket.binaryType = 'arraybuffer'
        await new Promise((resolve, reject) => ((socket.onopen = resolve), (socket.onerror = reject)))
        for (const sign of text) {
          const heard = new Promise<void>((resolve) => (socket.onmessage = ({ data }) => new TextDecoder().decode(data as ArrayBuffer).includes(sign) && resolve()))
          socket.send(sign)
          await heard
        }
        socket.close()
      },
      { address, text },
    )
  }
}
