import { expect, signIn, signInByForm, test, toProject } from './acts'
import { PASSWORD } from './service'

test('the token is out of reach of scripts', async ({ page, context, cloud }) => {
  await signInByForm(page, cloud.service.url)
  // One for the project that is worked in, and one for a page that names none.
  const cookies = await context.cookies()
  expect(cookies).toHaveLength(2)
  for (const cookie of cookies) expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' })
  const seen = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }))
  expect(seen).not.toContain(cookies[0]?.value)
  const session = await page.evaluate(async () => (await fetch('/session')).text())
  expect(session).not.toContain(cookies[0]?.value)
})

test('a project is entered although the network fails a request on the way', async ({ page, cloud }) => {
  await signIn(page, cloud.service.url)
  let tries = 0
  await page.route('**/session', (route) => (route.request().method() === 'PUT' && ++tries === 1 ? route.abort('connectionreset') : route.continue()))
  await toProject(page, 'night')
  expect(tries).toBe(2)
})

test('a wrong password is refused in plain words, and nothing is kept', async ({ page, context, cloud }) => {
  await page.goto(cloud.service.url)
  await page.getByLabel('User name').fill('nobody')
  await page.getByLabel('Password').fill('wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByRole('alert')).toContainText('wrong')
  expect(await context.cookies()).toHaveLength(0)
})

test('changes need the console’s own origin', async ({ page, context, cloud }) => {
  const { url } = cloud.service
  await signIn(page, url)
  const [cookie] = await context.cookies()
  const headers = { cookie: `${cookie?.name}=${cookie?.value}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ name: 'forged' })
  for (const origin of [undefined, 'http://evil.example', url.replace('127.0.0.1', 'localhost')]) {
    const answer = await fetch(`${url}/image/v2/images`, { method: 'POST', body, headers: { ...headers, ...(origin && { origin }) } })
    expect(answer.status, String(origin)).toBe(403)
  }
  const answer = await fetch(`${url}/image/v2/images`, { method: 'POST', body, headers: { ...headers, origin: url } })
  expect(answer.status).toBe(201)
})

test('signing in is refused from another site’s page', async ({ cloud }) => {
  const body = JSON.stringify({ user: 'alice', password: PASSWORD })
  const answer = await fetch(`${cloud.service.url}/session`, { method: 'POST', body, headers: { origin: 'http://evil.example' } })
  expect(answer.status).toBe(403)
  expect(answer.headers.get('set-cookie')).toBeNull()
})

test('every page forbids inline scripts and frames', async ({ cloud }) => {
  for (const path of ['/', '/images', '/sign-in']) {
    const answer = await fetch(cloud.service.url + path)
    const policy = answer.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("script-src 'self';")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  }
})

test('after signing in one lands on a page of the console alone', async ({ page, cloud }) => {
  for (const next of ['//evil.example', '/\\evil.example', 'https://evil.example', '///evil.example']) {
    await page.goto(`${cloud.service.url}/sign-in?next=${encodeURIComponent(next)}`)
    await page.getByLabel('User name').fill('alice')
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible()
    expect(new URL(page.url()).origin).toBe(cloud.service.url)
    await page.getByRole('button', { name: 'Account' }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
  }
})

test('a session that ends mid-work loses nothing that was typed', async ({ page, context, cloud }) => {
  await signIn(page, cloud.service.url)
  await page.getByRole('button', { name: 'Launch instance' }).first().click()
  // The list has a column of that name, until the page of the launch is there.
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('typed before')
  const [cookie] = await context.cookies()
  const token = cookie?.value ?? ''
  await cloud.service.ask(token, '/identity/v3/auth/tokens', 'DELETE', undefined, { 'x-subject-token': token })
  await expect.poll(async () => (await page.request.get(`${cloud.service.url}/session`)).status()).toBe(401)
  // A page that is looked at again asks again, but not what it asked a moment ago.
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' })
  await expect(async () => {
    await page.evaluate(() => dispatchEvent(new Event('visibilitychange')))
    await expect(dialog).toBeVisible({ timeout: 1000 })
  }).toPass()
  await dialog.getByLabel('Password').fill(PASSWORD)
  await dialog.getByRole('button', { name: 'Sign in' }).click()
  await expect(dialog).toBeHidden()
  await expect(page.getByRole('textbox', { name: 'Name', exact: true })).toHaveValue('typed before')
})
