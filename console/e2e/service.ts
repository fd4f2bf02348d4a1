// The real program with real guests, for the claims beside this file.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const PROGRAM = process.env.EFFIGY ?? join(ROOT, 'target/debug/effigy')
export const PASSWORD = 'correct horse battery staple'

export interface Id {
  id: string
}

/** A running service with a data folder of its own. */
export class Service {
  private readonly folder = mkdtempSync(join(tmpdir(), 'effigy-console-'))
  private readonly data = join(this.folder, 'data')
  private child?: ChildProcess
  url = ''

  static async start(settings = ''): Promise<Service> {
    const service = new Service()
    writeFileSync(join(service.folder, 'effigy.toml'), `[instances]\naccel = "tcg"\nstop_grace_secs = 20\n${settings}`)
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
        const isOurs = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.data)
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

  /** Alice with the projects web, batch and night; Bob with other; and a Public image of the micro guest. */
  async furnish(): Promise<{ admin: string; projects: Record<string, string>; image: string }> {
    const admin = await this.token('admin', this.adminPassword(), 'admin')
    const v3 = '/identity/v3'
    const { roles } = await this.ask<{ roles: (Id & { name: string })[] }>(admin, `${v3}/roles`)
    const member = roles.find(({ name }) => name === 'member')?.id
    const projects: Record<string, string> = {}
    for (const name of ['web', 'batch', 'night', 'other']) {
      const made = await this.ask<{ project: Id }>(admin, `${v3}/projects`, 'POST', { project: { name } })
      projects[name] = made.project.id
    }
    for (const [name, own] of [['alice', ['web', 'batch', 'night']], ['bob', ['other']]] as const) {
      const user = { name, password: PASSWORD, default_project_id: projects[own[0]] }
      const made = await this.ask<{ user: Id }>(admin, `${v3}/users`, 'POST', { user })
      for (const project of own) {
        await this.ask(admin, `${v3}/projects/${projects[project]}/users/${made.user.id}/roles/${member}`, 'PUT')
      }
    }
    return { admin, projects, image: await this.microImage(admin, 'micro', 'public') }
  }

  /** An image of the guest that boots in a third of a second. */
  async microImage(token: string, name: string, visibility: string): Promise<string> {
    const disk = join(this.folder, `${name}.raw`)
    execFileSync(join(ROOT, 'guests/micro.sh'), [disk, name, '4M'])
    // A boot sector has no system to look into: whoever makes it public says why.
    const reason = visibility === 'public' ? { effigy_public_reason: 'a test guest' } : {}
    const record = { name, visibility, disk_format: 'raw', container_format: 'bare', os_distro: 'micro', ...reason }
    const image = await this.ask<Id>(token, '/image/v2/images', 'POST', record)
    const headers = { 'x-auth-token': token, 'content-type': 'application/octet-stream' }
    const sent = await fetch(`${this.url}/image/v2/images/${image.id}/file`, { method: 'PUT', headers, body: readFileSync(disk) })
    if (!sent.ok) throw new Error(`upload: ${sent.status} ${await sent.text()}`)
    return image.id
  }
}
