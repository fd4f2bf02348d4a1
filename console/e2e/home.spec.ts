// The project at a glance, and the access to its API.
import { readFileSync } from 'node:fs'
import { expect, GUEST, row, signIn, test, to } from './acts'
import { PASSWORD } from './service'

const region = (name: string) => ({ name, exact: true }) as const

test('home says what is used, what is under way and what went wrong, and leads there', async ({ page, cloud }) => {
  const { service, projects, image } = cloud
  const token = await service.alice('night')
  const id = await service.instance(token, 'felled-at-night', image)
  service.killGuest(id)
  const staged = await service.image(token, { name: 'staged-at-night' })
  const sent = await fetch(`${service.url}/image/v2/images/${staged}/stage`, { method: 'PUT', headers: { 'x-auth-token': token, 'content-type': 'application/octet-stream' }, body: 'bytes' })
  expect(sent.status).toBe(204)
  const broken = await service.image(token, { name: 'broken-at-night', disk_format: 'qcow2' })
  await fetch(`${service.url}/image/v2/images/${broken}/file`, { method: 'PUT', headers: { 'x-auth-token': token, 'content-type': 'application/octet-stream' }, body: Buffer.alloc(65_536, 7) })

  await signIn(page, service.url, 'alice', PASSWORD, projects.night)
  await page.getByRole('banner').getByRole('link', { name: 'Effigy' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible()
  await expect(page.getByRole('navigation').getByRole('link').first()).toHaveText('Home')
  const usage = page.getByRole('region', region('Usage'))
  await expect(usage.getByRole('progressbar', { name: /^Instances: 1 of \d/ })).toBeVisible()
  await expect(usage.getByRole('progressbar', { name: /^Images: 2 of 10,000/ })).toBeVisible()
  await expect(page.getByRole('region', region('Under way')).getByRole('link', { name: 'staged-at-night' })).toBeVisible()
  const failed = page.getByRole('region', region('Went wrong in the last 24 hours'))
  await expect(failed.getByRole('listitem').filter({ hasText: 'felled-at-night' })).toContainText('QEMU ended unexpectedly', GUEST)
  await failed.getByRole('link', { name: 'broken-at-night' }).click()
  await expect(page.getByRole('heading', { name: 'broken-at-night' })).toBeVisible()
})

test('activity tells how things ended, and ends what is under way', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const staged = await service.image(token, { name: 'unwanted-stage' })
  await fetch(`${service.url}/image/v2/images/${staged}/stage`, { method: 'PUT', headers: { 'x-auth-token': token, 'content-type': 'application/octet-stream' }, body: 'bytes' })
  await service.microImage(token, { name: 'made-today' })
  await signIn(page, service.url)
  await page.getByRole('link', { name: /^Activity/ }).click()
  const lately = page.getByRole('region', region('Last 24 hours'))
  await expect(lately.getByRole('listitem').filter({ hasText: 'made-today' })).toContainText('Done')
  const underWay = page.getByRole('region', region('Under way'))
  await underWay.getByRole('button', { name: 'Cancel unwanted-stage' }).click()
  await page.getByRole('dialog', { name: 'Cancel unwanted-stage?' }).getByRole('button', { name: 'Cancel and delete' }).click()
  await expect(page.getByRole('link', { name: 'unwanted-stage' })).toHaveCount(0)
  const { images } = await service.ask<{ images: unknown[] }>(token, '/image/v2/images?name=unwanted-stage')
  expect(images).toEqual([])
})

test('how an image ended is told wherever the person is by then', async ({ page, cloud }) => {
  const { service, image } = cloud
  const id = await service.stopped(await service.alice(), 'left-alone', image)
  await signIn(page, `${service.url}/instances/${id}`)
  await page.getByRole('button', { name: 'Additional functions' }).click()
  await page.getByRole('menuitem', { name: 'Create image' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('made-meanwhile')
  await page.getByRole('dialog').getByRole('button', { name: 'Create image' }).click()
  await to(page, 'Key pairs')
  const notice = page.locator('.ant-notification-notice')
  await expect(notice.getByText('made-meanwhile is ready')).toBeVisible(GUEST)
  // It takes the place of the notice that this was begun.
  await expect(notice).toHaveCount(1)
  await notice.getByRole('link', { name: 'Show the image' }).click()
  await expect(page.getByRole('heading', { name: 'made-meanwhile' })).toBeVisible()
})

test('a project with nothing in it says where to begin, and a reader is told no such thing', async ({ page, browser, cloud }) => {
  const { service, admin } = cloud
  const v3 = '/identity/v3'
  const { project } = await service.ask<{ project: { id: string } }>(admin, `${v3}/projects`, 'POST', { project: { name: 'blank' } })
  const { roles } = await service.ask<{ roles: { id: string; name: string }[] }>(admin, `${v3}/roles`)
  for (const [user, role] of [['bob', 'member'], ['rita', 'reader']]) {
    const { users } = await service.ask<{ users: { id: string }[] }>(admin, `${v3}/users?name=${user}`)
    await service.ask(admin, `${v3}/projects/${project.id}/users/${users[0]?.id}/roles/${roles.find(({ name }) => name === role)?.id}`, 'PUT')
  }
  await signIn(page, `${service.url}/?project=${project.id}`, 'bob')
  const steps = page.getByRole('region', region('First steps'))
  await expect(steps.getByRole('link')).toHaveText(['Make a key pair', 'Launch an instance', 'Upload an image', 'Create an image', 'Use the API'])
  await steps.getByRole('link', { name: 'Upload an image' }).click()
  const dialog = page.getByRole('dialog', { name: 'Upload image' })
  await expect(dialog.getByRole('progressbar', { name: /^Image files: 0 B of/ })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(dialog).toHaveCount(0)
  const other = await (await browser.newContext()).newPage()
  await signIn(other, `${service.url}/?project=${project.id}`, 'rita')
  await expect(other.getByRole('region', region('Usage'))).toBeVisible()
  await expect(other.getByRole('progressbar', { name: /^Instances: 0 of/ })).toBeVisible()
  await expect(other.getByRole('region', region('First steps'))).toHaveCount(0)
  await expect(other.getByRole('button', { name: 'Upload image' })).toBeDisabled()
  await other.context().close()
})

test('a launch says what it adds to the usage', async ({ page, cloud }) => {
  await signIn(page, `${cloud.service.url}/launch`, 'bob')
  await expect(page.getByRole('progressbar', { name: /^Instances: 1 of/ })).toBeVisible()
  await page.getByLabel('Count', { exact: true }).fill('3')
  await expect(page.getByRole('progressbar', { name: /^Instances: 3 of/ })).toBeVisible()
})

test('the files of the API access page sign in, and an application credential shows its secret once', async ({ page, cloud }) => {
  const { service, projects } = cloud
  await signIn(page, service.url)
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitem', { name: 'API access' }).click()
  const file = page.getByRole('group', { name: 'clouds.yaml' })
  await expect(file).toContainText(`project_id: "${projects.web}"`)
  await expect(file).toContainText(`auth_url: "${service.url}/identity/v3"`)
  await expect(page.getByRole('row', { name: /^image / })).toContainText(`${service.url}/image`)
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download clouds.yaml' }).click()])
  expect(download.suggestedFilename()).toBe('clouds.yaml')

  await page.getByRole('button', { name: 'Create application credential' }).click()
  const make = page.getByRole('dialog', { name: 'Create application credential' })
  await make.getByLabel('Name').fill('ci-robot')
  await make.getByLabel('Allowed requests').fill('image GET')
  await make.getByRole('button', { name: 'Create application credential' }).click()
  await expect(make.getByText('This is not a rule: image GET')).toBeVisible()
  await make.getByLabel('Allowed requests').fill('image GET /v2/images')
  await make.getByRole('button', { name: 'Create application credential' }).click()
  const made = page.getByRole('dialog', { name: 'Application credential ci-robot' })
  const [whole] = await Promise.all([page.waitForEvent('download'), made.getByRole('button', { name: 'Download clouds.yaml' }).click()])
  const text = readFileSync(await whole.path(), 'utf8')
  const word = (key: string) => new RegExp(`${key}: "(.+)"`).exec(text)?.[1]
  const auth = { identity: { methods: ['application_credential'], application_credential: { id: word('application_credential_id'), secret: word('application_credential_secret') } } }
  const tokens = () => fetch(`${service.url}/identity/v3/auth/tokens`, { method: 'POST', body: JSON.stringify({ auth }) })
  const signedIn = await tokens()
  expect(signedIn.status).toBe(201)
  const asRobot = (path: string) => fetch(`${service.url}/image${path}`, { headers: { 'x-auth-token': signedIn.headers.get('x-subject-token') ?? '' } })
  expect((await asRobot('/v2/images')).status).toBe(200)
  expect((await asRobot('/v2/metadefs/namespaces')).status).toBe(401)
  await made.getByRole('button', { name: 'I have saved it' }).click()
  await expect(made).toHaveCount(0)
  await expect(page.getByRole('row', { name: /ci-robot/ })).toContainText('image GET /v2/images')
  expect(await page.content()).not.toContain(word('application_credential_secret') ?? 'a secret')
  await page.getByRole('button', { name: 'Delete: ci-robot' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await expect(page.getByRole('row', { name: /ci-robot/ })).toHaveCount(0)
  expect((await tokens()).status).toBe(401)
})

test('a person sees where the own account is signed in, and ends the other sessions', async ({ browser, page, cloud }) => {
  const { service, admin, projects } = cloud
  const { user } = await service.ask<{ user: { id: string } }>(admin, '/identity/v3/users', 'POST', { user: { name: 'nomad', password: PASSWORD } })
  const { roles } = await service.ask<{ roles: { id: string }[] }>(admin, '/identity/v3/roles?name=member')
  await service.ask(admin, `/identity/v3/projects/${projects.web}/users/${user.id}/roles/${roles[0]?.id}`, 'PUT')
  const elsewhere = await (await browser.newContext()).newPage()
  await signIn(elsewhere, service.url, 'nomad')
  const program = await service.token('nomad', PASSWORD, 'web')
  await signIn(page, `${service.url}/api-access`, 'nomad')
  const sessions = page.getByRole('region', { name: 'Where you are signed in' })
  await expect(sessions.getByRole('row')).toHaveCount(4)
  await expect(sessions.getByRole('row', { name: /This session/ })).toContainText('127.0.0.1')
  await expect(sessions.getByRole('row', { name: /This session/ }).getByRole('button')).toHaveCount(0)

  // The newest stands first: this browser, the program, the other browser.
  await sessions.getByRole('button', { name: 'End the session from 127.0.0.1' }).first().click()
  await expect(sessions.getByRole('row')).toHaveCount(3)
  await expect.poll(async () => (await fetch(`${service.url}/image/v2/images`, { headers: { 'x-auth-token': program } })).status).toBe(401)
  await sessions.getByRole('button', { name: 'End all others' }).click()
  await expect(sessions.getByRole('row')).toHaveCount(2)
  await expect(sessions.getByRole('button', { name: 'End all others' })).toBeDisabled()
  // That page may have asked by itself already: its dialog then covers the link.
  void to(elsewhere, 'Images').catch(() => undefined)
  await expect(elsewhere.getByText('Your session has ended').first()).toBeVisible()
  await to(page, 'Images')
  await expect(page.getByRole('tab', { name: 'Private' })).toBeVisible()
  await elsewhere.context().close()
})

test('a person changes the own password and goes on working', async ({ page, cloud }) => {
  const { service } = cloud
  await signIn(page, `${service.url}/api-access`, 'bob')
  const fill = async (original: string, password: string, again = password) => {
    await page.getByLabel('Current password').fill(original)
    await page.getByLabel('New password', { exact: true }).fill(password)
    await page.getByLabel('New password again').fill(again)
    await page.getByRole('button', { name: 'Change password' }).click()
  }
  await fill('wrong', 'a new and better one')
  await expect(page.getByRole('alert').filter({ hasText: 'The current password is wrong.' })).toBeVisible()
  for (const [weak, rule] of [['k3%Tq', 'at least 12 characters'], ['Password1234', 'among the first that are guessed']] as const) {
    await fill(PASSWORD, weak)
    await expect(page.getByRole('alert').filter({ hasText: rule })).toBeVisible()
  }
  await fill(PASSWORD, 'a new and better one', 'another')
  await expect(page.getByText('The two differ.')).toBeVisible()
  await fill(PASSWORD, 'a new and better one')
  await expect(page.getByText('The password was changed')).toBeVisible()
  await to(page, 'Images')
  await expect(row(page, 'none')).toHaveCount(0)
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await expect(page.getByRole('tab', { name: 'Private' })).toBeVisible()
  await service.token('bob', 'a new and better one', 'other')
  // The other claims know the old one.
  await page.goto(`${service.url}/api-access`)
  await fill('a new and better one', PASSWORD)
  await expect(page.getByText('The password was changed')).toBeVisible()
})
