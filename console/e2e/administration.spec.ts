// The service as those see it who run it: all projects, the host, what everybody uses, and who did what.
import { readFileSync } from 'node:fs'
import { expect, findings, row, settled, signIn, test, to } from './acts'
import { PASSWORD } from './service'

test('an administrator sees the images and instances of all projects in the lists that everybody has', async ({ page, cloud }) => {
  const { service, image, projects } = cloud
  const token = await service.alice()
  await service.image(token, { name: 'everywhere-of-web' })
  await service.image(await service.token('bob', 'correct horse battery staple', 'other'), { name: 'everywhere-of-other' })
  await service.stopped(token, 'everywhere-guest', image)
  await signIn(page, `${service.url}/images?search=everywhere`, 'admin', service.adminPassword())
  await expect(page.getByRole('tab', { name: /Private/ })).toHaveAttribute('aria-selected', 'true')
  await page.getByRole('tab', { name: 'All projects' }).click()
  await expect(row(page, 'everywhere-of-web')).toContainText('web')
  await expect(row(page, 'everywhere-of-other')).toContainText('other')
  await page.getByRole('button', { name: 'Filter', exact: true }).click()
  await page.getByRole('combobox', { name: 'Project' }).last().click()
  await page.locator('.ant-select-dropdown:visible .ant-select-item-option').filter({ hasText: /^web$/ }).click()
  await expect(row(page, 'everywhere-of-other')).toHaveCount(0)
  await expect(page.getByRole('button', { name: 'Remove the filter Project: web' })).toBeVisible()
  // The same actions as in a project's own list.
  await row(page, 'everywhere-of-web').getByRole('checkbox').check()
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Protect' }).click()
  await expect(row(page, 'everywhere-of-web').getByRole('img', { name: 'Protected' })).toBeVisible()

  await page.goto(`${service.url}/instances?scope=all&owner=${projects.web}&search=everywhere`)
  await expect(row(page, 'everywhere-guest')).toContainText('web')
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as CSV' }).click()])
  expect(readFileSync(await download.path(), 'utf8')).toMatch(/everywhere-guest,web,SHUTOFF/)
  await page.getByRole('tab', { name: 'This project' }).click()
  await expect(row(page, 'everywhere-guest')).toHaveCount(0)

  // A limit of its own is set where the usage stands.
  await page.goto(`${service.url}/projects`)
  await page.getByRole('row', { name: /^web/ }).getByRole('button', { name: 'Quota' }).click()
  const quota = page.getByRole('dialog', { name: 'Quota of web' })
  await settled(page)
  expect(await findings(page)).toEqual([])
  await quota.getByLabel('Instances').fill('77')
  await quota.getByLabel('Memory').fill('1.5')
  await quota.getByRole('button', { name: 'Save' }).click()
  await expect(quota).toHaveCount(0)
  await expect(page.getByRole('row', { name: /^web/ })).toContainText('/ 77')
  await expect(page.getByRole('row', { name: /^web/ })).toContainText('/ 1.5 GiB')
  expect(await service.ask(token, '/effigy/v1/usage')).toMatchObject({ usage: { instances: { limit: 77 }, memory_mib: { limit: 1536 } } })
  await service.ask(cloud.admin, `/effigy/v1/projects/${projects.web}/quota`, 'PUT', {})

  // Usage leads to the lists, whole pages of one project.
  await page.getByRole('row', { name: /^web/ }).getByRole('link', { name: / \/ / }).first().click()
  await expect(page).toHaveURL(new RegExp(`scope=all&owner=${projects.web}`))
})

test('the lists of all projects are nobody else’s', async ({ page, cloud }) => {
  const { service } = cloud
  await signIn(page, `${service.url}/images?kind=all`)
  await expect(page.getByRole('tab', { name: /Private/ })).toHaveAttribute('aria-selected', 'true')
  await expect(page.getByRole('tab', { name: 'All projects' })).toHaveCount(0)
  await page.goto(`${service.url}/instances?scope=all`)
  await expect(page.getByRole('heading', { name: 'Instances' })).toBeVisible()
  await expect(page.getByRole('tab')).toHaveCount(0)
  await page.goto(`${service.url}/host`)
  await expect(page.getByRole('heading', { name: 'Only an administrator does this.' })).toBeVisible()
})

test('the host, its stores and its jobs stand on one page; a flavor is edited; the audit is searched and saved', async ({ page, cloud }) => {
  const { service, admin } = cloud
  await signIn(page, service.url, 'admin', service.adminPassword())
  await to(page, 'Host and stores')
  await expect(page.locator('.page-head')).toContainText('Ready')
  const health = page.getByRole('region', { name: 'Health' })
  await expect(health.getByText('In order')).toHaveCount(4)
  await expect(health).toContainText('None in the last week')
  await expect(page.getByRole('region', { name: 'Stores' })).toContainText(/local.*used.*free/)
  await expect(page.getByRole('progressbar', { name: /^Memory of running instances/ })).toBeVisible()
  await expect(page.getByRole('row', { name: /^Imports/ })).toContainText('4')

  const made = await service.ask<{ flavor: { id: string } }>(admin, '/compute/v2.1/flavors', 'POST', { flavor: { name: 'm7.edited', ram: 512, vcpus: 1, disk: 1 } })
  await service.ask(admin, `/compute/v2.1/flavors/${made.flavor.id}/os-extra_specs`, 'POST', { extra_specs: { 'hw:kept': 'yes' } })
  await page.goto(`${service.url}/flavors`)
  await page.getByRole('row', { name: /^m7\.edited/ }).getByRole('button', { name: 'Edit' }).click()
  const dialog = page.getByRole('dialog', { name: 'Edit flavor m7.edited' })
  await expect(dialog).toContainText('made anew under the same name and ID')
  await dialog.getByLabel('Memory').fill('768')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(dialog).toHaveCount(0)
  await expect(page.getByRole('row', { name: /^m7\.edited/ })).toContainText('768 MiB')
  const { flavor } = await service.ask<{ flavor: object }>(admin, `/compute/v2.1/flavors/${made.flavor.id}`, 'GET', undefined, { 'openstack-api-version': 'compute 2.96' })
  expect(flavor).toMatchObject({ name: 'm7.edited', ram: 768, extra_specs: { 'hw:kept': 'yes' } })

  await page.goto(`${service.url}/audit`)
  await page.getByLabel('Action', { exact: true }).fill('flavor')
  await page.getByRole('button', { name: 'Filter', exact: true }).click()
  await page.getByLabel('User name').fill('ADMIN')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('button', { name: 'Remove the filter User name: ADMIN' })).toBeVisible()
  await settled(page)
  await page.getByRole('button', { name: 'Details of flavor.delete' }).first().click()
  await expect(page.locator('.ant-table-expanded-row')).toContainText(made.flavor.id)
  await expect(page.locator('.ant-table-expanded-row')).toContainText('127.0.0.1')
  await expect(page.locator('time').first()).toContainText(String(new Date().getFullYear()))
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as CSV' }).click()])
  const saved = readFileSync(await download.path(), 'utf8')
  expect(saved.split('\r\n')[0]).toContain('time,user,user_id,project,project_id,action,target,target_id,')
  expect(saved).toMatch(/admin,[0-9a-f]+,admin,[0-9a-f]+,flavor\.create,m7\.edited,/)
  await expect(page.getByRole('row', { name: /flavor\.delete/ }).first()).toContainText('m7.edited')
  await page.getByLabel('From', { exact: true }).fill('2126-01-01')
  await expect(page.getByText('No events')).toBeVisible()
})

test('an administrator sees when people last signed in, and opens a locked account', async ({ page, cloud }) => {
  const { service, admin } = cloud
  await service.ask(admin, '/identity/v3/users', 'POST', { user: { name: 'forgetful', password: PASSWORD } })
  const tries = (password: string) => {
    const user = { name: 'forgetful', password, domain: { id: 'default' } }
    return fetch(`${service.url}/identity/v3/auth/tokens`, { method: 'POST', body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } } } }) })
  }
  for (let n = 0; n < 5; n++) await tries('not this one')
  expect((await tries(PASSWORD)).status).toBe(401)
  await signIn(page, `${service.url}/users`, 'admin', service.adminPassword())
  const forgetful = page.getByRole('row', { name: /^forgetful/ })
  await expect(forgetful).toContainText('Locked for 1 address')
  await expect(page.getByRole('row', { name: /^admin/ }).locator('time')).toBeVisible()
  await forgetful.getByRole('button', { name: 'Unlock: forgetful' }).click()
  await expect(forgetful).not.toContainText('Locked')
  expect((await tries(PASSWORD)).status).toBe(201)
})
