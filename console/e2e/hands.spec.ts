// A person's hands: by keyboard, on narrow screens, with the wrong click and the way back.
import type { Page } from '@playwright/test'
import { additional, expect, findings, GUEST, row, select, settled, signIn, test } from './acts'

const hasFocus = (page: Page, name: string | RegExp) => expect(page.getByRole('button', { name }).first()).toBeFocused()

test('the focus returns to where a menu or a dialog was opened', async ({ page, cloud }) => {
  await signIn(page, `${cloud.service.url}/images?kind=private`)
  await expect(page.getByRole('heading', { name: 'Images' })).toBeVisible()
  for (const name of ['More', 'Language', /^Account/]) {
    await page.getByRole('button', { name }).focus()
    await page.keyboard.press('Enter')
    await expect(page.getByRole('menu').last()).toBeVisible()
    await page.keyboard.press('Escape')
    await hasFocus(page, name)
  }
  await page.getByRole('button', { name: 'Language' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.locator('.ant-dropdown [role=menuitem]:focus')).toBeVisible()
  await page.keyboard.press('Tab')
  await expect(page.locator('.ant-dropdown')).toHaveCount(0)
  // The next button after it.
  await expect(page.getByRole('button', { name: 'Language' })).not.toBeFocused()
  await expect(page.locator('.shell-header button:focus')).toBeVisible()
  await page.getByRole('button', { name: 'Upload image' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await hasFocus(page, 'Upload image')
})

test('a menu takes the focus however slow the machine', async ({ page, cloud }) => {
  await signIn(page, `${cloud.service.url}/images?kind=private`)
  await settled(page)
  const chromium = await page.context().newCDPSession(page)
  await chromium.send('Emulation.setCPUThrottlingRate', { rate: 12 })
  for (let n = 0; n < 4; n += 1) {
    await page.getByRole('button', { name: 'Language' }).focus()
    await page.keyboard.press('Enter')
    await expect(page.locator('.ant-dropdown').getByRole('menuitem').first()).toBeFocused()
    await page.keyboard.press('Escape')
    await expect(page.locator('.ant-dropdown')).toHaveCount(0)
  }
})

test('a dialog that a menu opened gives the focus back to its button', async ({ page, cloud }) => {
  const { service } = cloud
  await service.image(await service.alice(), { name: 'edited' })
  await signIn(page, `${service.url}/images?kind=private&search=edited`)
  await select(page, 'edited')
  await page.getByRole('button', { name: 'More' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Edit' }).focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Edit image' })
  // Enter sends a dialog from any of its fields.
  await dialog.getByLabel('Name', { exact: true }).fill('edited-by-keys')
  await page.keyboard.press('Enter')
  await expect(dialog).toHaveCount(0)
  await expect(row(page, 'edited-by-keys')).toBeVisible()
  await hasFocus(page, 'More')
  await expect(page.getByRole('menu').filter({ visible: true, hasText: 'Download' })).toHaveCount(0)
})

test('moving projects by keys keeps the place in the list', async ({ page, cloud }) => {
  const { service, image } = cloud
  const id = await service.microImage(await service.alice(), { name: 'handed' })
  expect(id).not.toBe(image)
  await signIn(page, `${service.url}/images?kind=private&search=handed`)
  await select(page, 'handed')
  await page.getByRole('button', { name: 'Share with other projects' }).click()
  const dialog = page.getByRole('dialog', { name: 'Share image' })
  const mine = dialog.getByRole('list', { name: 'Projects', exact: true })
  await mine.getByRole('button', { name: 'batch' }).focus()
  await page.keyboard.press('Enter')
  await expect(mine.getByRole('button', { name: 'night' })).toBeFocused()
  await expect(dialog.getByRole('list', { name: 'Shared projects' }).getByRole('listitem').filter({ hasText: 'batch' })).toContainText('New')
  await page.keyboard.press('Enter')
  await expect(mine).toBeFocused()
})

test('a screen is left by the keys that it names', async ({ page, cloud }) => {
  const { service } = cloud
  const id = await service.instance(await service.alice(), 'watched', cloud.image)
  await signIn(page, `${service.url}/instances/${id}`)
  await page.getByRole('tab', { name: 'Screen' }).click()
  await expect(page.getByText('Ctrl+Alt+Shift leaves it.')).toBeVisible()
  await expect(page.locator('.screen[data-state=open]')).toBeVisible(GUEST)
  await page.locator('.screen canvas').click()
  await page.keyboard.press('Tab')
  await expect(page.locator('.screen')).toContainText('')
  await page.keyboard.press('Control+Alt+Shift')
  await hasFocus(page, 'Ctrl+Alt+Del')
})

test('nothing sticks out of a dialog of administration', async ({ page, cloud }) => {
  const { service } = cloud
  await signIn(page, service.url, 'admin', service.adminPassword())
  await page.setViewportSize({ width: 390, height: 860 })
  for (const [path, name, button] of [['/projects', /^web /, 'Members'], ['/projects', /^web /, 'Quota'], ['/flavors', /^m1\.tiny/, 'Edit'], ['/users', /^rita/, 'New password']] as const) {
    await page.goto(service.url + path)
    await page.getByRole('row', { name }).getByRole('button', { name: button, exact: true }).click()
    const dialog = page.getByRole('dialog')
    await expect(dialog.getByRole('button').first()).toBeVisible()
    await settled(page)
    const out = dialog.evaluate((box) => [...box.querySelectorAll('button, input, .ant-select')].filter((one) => one.getBoundingClientRect().right > box.getBoundingClientRect().right).map((one) => one.outerHTML.slice(0, 120)))
    expect(await out, button).toEqual([])
  }
})

test('a list that is sorted by its address says so', async ({ page, cloud }) => {
  await signIn(page, `${cloud.service.url}/images?kind=private&sort=name:asc`)
  await expect(page.getByRole('columnheader', { name: 'Name' })).toHaveAttribute('aria-sort', 'ascending')
})

test('a name cannot turn round what is beside it', async ({ page, cloud }) => {
  const { service } = cloud
  await service.image(await service.alice(), { name: 'live\u202egnp.exe' })
  await signIn(page, `${service.url}/images?kind=private&search=live`)
  await expect(page.locator('bdi', { hasText: 'live\ufffdgnp.exe' })).toBeVisible()
})

test('notices keep the colours of the console', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  await service.instance(token, 'notice', cloud.image)
  await page.emulateMedia({ colorScheme: 'light' })
  await signIn(page, `${service.url}/instances?search=notice`)
  await select(page, 'notice')
  await additional(page, 'Create image')
  const notice = page.getByRole('dialog').locator('.ant-alert-info')
  await expect(notice).toHaveCSS('background-color', 'rgb(228, 243, 240)')
  await settled(page)
  expect(await findings(page)).toEqual([])
})

test('a capture remembers its flavor, and the image that a person came with is shown as chosen', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const id = await service.stopped(token, 'flavored', image, 'm1.tiny')
  await signIn(page, `${service.url}/instances/${id}`)
  await additional(page, 'Create image')
  await page.getByRole('dialog').getByLabel('Name').fill('flavored-image')
  await page.getByRole('dialog').getByRole('button', { name: 'Create image' }).click()
  await page.getByRole('link', { name: 'Show the image' }).click()
  await expect(page.locator('.page-head')).toContainText('Ready', GUEST)
  await page.evaluate(() => localStorage.removeItem('effigy.flavor'))
  await page.getByRole('button', { name: 'Launch instance' }).click()
  await expect(page.locator('.chosen')).toContainText('flavored-image')
  await expect(page.getByRole('radio', { name: 'm1.tiny' })).toBeChecked()
  await page.getByRole('button', { name: 'Choose another' }).click()
  await expect(page.getByRole('tab', { name: 'Public' })).toBeVisible()
})

test('more are launched like one that is there, and a key of somebody else is left out', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const keypair = { name: 'pattern-key', public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqkRmGQvC0NQ1e8aL1Ck0bZ5l8fGkKZb8Wf2pTq3hZr laptop' }
  await service.ask(token, '/compute/v2.1/os-keypairs', 'POST', { keypair })
  const id = await service.launched(token, 'pattern', image, 'm1.tiny', 'pattern-key')
  await signIn(page, `${service.url}/instances/${id}`)
  await additional(page, 'Launch more like this')
  await expect(page.getByRole('alert')).toContainText('As pattern was launched')
  await expect(page.locator('.chosen')).toContainText('micro')
  await expect(page.getByRole('radio', { name: 'm1.tiny' })).toBeChecked()
  await expect(page.getByRole('radio', { name: 'No network' })).toBeChecked()
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('of-a-pattern')
  await page.getByRole('button', { name: 'Launch instance' }).click()
  await expect(row(page, 'of-a-pattern')).toContainText('Running', GUEST)
  const { servers } = await service.ask<{ servers: { key_name: string; flavor: { original_name: string }; addresses: object }[] }>(token, '/compute/v2.1/servers/detail?name=of-a-pattern', 'GET', undefined, { 'openstack-api-version': 'compute 2.96' })
  expect(servers[0]).toMatchObject({ key_name: 'pattern-key', flavor: { original_name: 'm1.tiny' }, addresses: {} })

  // An administrator has no such key pair.
  await page.context().clearCookies()
  await signIn(page, `${service.url}/launch?like=${id}`, 'admin', service.adminPassword())
  await expect(page.getByRole('radio', { name: 'm1.tiny' })).toBeChecked()
  await expect(page.getByRole('group', { name: 'As openstack command' })).toContainText('--flavor 1')
  await expect(page.getByText('pattern-key')).toHaveCount(0)
})

test('nothing large is offered as smallest: an image that nobody knows gets a flavor that boots most', async ({ page, cloud }) => {
  await signIn(page, `${cloud.service.url}/launch`)
  await page.getByRole('tab', { name: 'Public' }).click()
  await page.getByRole('radio', { name: 'micro', exact: true }).check()
  await expect(page.getByRole('radio', { name: 'm1.nano' })).not.toBeChecked()
})

test('a selection is acted on where it can be', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  await service.instance(token, 'mixed-on', image)
  await service.stopped(token, 'mixed-off', image)
  await signIn(page, `${service.url}/instances?search=mixed`)
  for (const name of ['mixed-on', 'mixed-off']) await select(page, name)
  await additional(page, 'Start: 1 of 2')
  await expect(row(page, 'mixed-off')).toContainText('Running', GUEST)
})

test('a record that waits for its file gets one', async ({ page, cloud }) => {
  const { service } = cloud
  await service.image(await service.alice(), { name: 'husk' })
  await signIn(page, `${service.url}/images?kind=private&search=husk`)
  await expect(row(page, 'husk')).toContainText('Waiting for file')
  await expect(page.getByRole('button', { name: 'Share with other projects' })).toBeDisabled()
  await select(page, 'husk')
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Upload the file' }).click()
  const dialog = page.getByRole('dialog', { name: 'Upload the file of husk' })
  await dialog.locator('input[type=file]').setInputFiles({ name: 'a.raw', mimeType: 'application/octet-stream', buffer: Buffer.alloc(1 << 20, 7) })
  await dialog.getByRole('button', { name: 'Upload', exact: true }).click()
  await expect(row(page, 'husk')).toContainText('Ready')
})

test('a project is deleted with what is in it, and not without its name', async ({ page, cloud }) => {
  const { service, admin } = cloud
  const v3 = '/identity/v3'
  const { project } = await service.ask<{ project: { id: string } }>(admin, `${v3}/projects`, 'POST', { project: { name: 'leaving' } })
  const { users } = await service.ask<{ users: { id: string }[] }>(admin, `${v3}/users?name=alice`)
  const { roles } = await service.ask<{ roles: { id: string }[] }>(admin, `${v3}/roles?name=member`)
  await service.ask(admin, `${v3}/projects/${project.id}/users/${users[0]?.id}/roles/${roles[0]?.id}`, 'PUT')
  const token = await service.alice('leaving')
  await service.image(token, { name: 'goes-along' })
  const id = await service.instance(token, 'goes-too', cloud.image)
  await signIn(page, `${service.url}/projects`, 'admin', service.adminPassword())
  await page.getByRole('row', { name: /^leaving/ }).getByRole('button', { name: 'Delete' }).click()
  const dialog = page.getByRole('dialog', { name: 'Delete project leaving?' })
  await expect(dialog).toContainText('One instance is deleted with it.')
  await expect(dialog).toContainText('One image is deleted with it.')
  await dialog.getByRole('textbox').fill('something else')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await expect(dialog).toContainText('Type the name of the project')
  await dialog.getByRole('textbox').fill('leaving')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await expect(dialog).toHaveCount(0)
  await expect(page.getByRole('row', { name: /^leaving/ })).toHaveCount(0)
  await service.until('the guest is gone', async () => !(await service.ask<{ servers: { id: string }[] }>(admin, '/compute/v2.1/servers?all_tenants=1')).servers.some((one) => one.id === id))
  // To disable one asks, too.
  await page.getByRole('row', { name: /^night/ }).getByRole('switch').click()
  await expect(page.getByRole('dialog', { name: 'Disable project night?' })).toBeVisible()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByRole('row', { name: /^night/ }).getByRole('switch')).toBeChecked()
})

test('an administrator is asked before everybody sees an image, and can take that back', async ({ page, cloud }) => {
  const { service, admin } = cloud
  await service.microImage(admin, { name: 'to-publish', effigy_public_reason: 'a test guest' })
  await signIn(page, `${service.url}/images?kind=private&search=to-publish`, 'admin', service.adminPassword())
  await select(page, 'to-publish')
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Make Public' }).click()
  const question = page.getByRole('dialog', { name: 'Make this image Public?' })
  await expect(question).toContainText('to-publish: everybody, in every project')
  await question.getByRole('button', { name: 'Make Public' }).click()
  await page.goto(`${service.url}/images?kind=public&search=to-publish`)
  await select(page, 'to-publish')
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Make Private' }).click()
  await expect(row(page, 'to-publish')).toHaveCount(0)
})

test('pages of administration say to others that they are not theirs', async ({ page, cloud }) => {
  await signIn(page, `${cloud.service.url}/projects`, 'rita')
  await expect(page.getByRole('heading', { name: 'Only an administrator does this.' })).toBeVisible()
  await expect(page.getByRole('button', { name: 'Create project' })).toHaveCount(0)
})
