// An instance between its launch and its end: paused, resized, rebuilt; and the list in the order that a person asks for.
import type { Page, Route } from '@playwright/test'
import { additional, expect, findings, GUEST, row, select, settled, signIn, test } from './acts'
import { type Id, PASSWORD } from './service'

const notice = (page: Page) => page.locator('main .ant-alert.notice')

/** How far the page and the dialog on it are wider than the window. */
const tooWide = (page: Page) =>
  page.evaluate(() => {
    const body = document.querySelector('[role=dialog] .ant-modal-body')
    return [document.documentElement.scrollWidth - innerWidth, body ? body.scrollWidth - body.clientWidth : 0].filter((over) => over > 0)
  })

test('an instance is paused and goes on, by the menu and on its page', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const id = await service.instance(token, 'pause-1', image)
  await signIn(page, `${service.url}/instances?search=pause-1`)
  await select(page, 'pause-1')
  await additional(page, 'Pause')
  await expect(row(page, 'pause-1')).toContainText('Paused', GUEST)
  // Paused by its owner, and not for want of room.
  await expect(row(page, 'pause-1')).not.toContainText('no room')
  await page.getByRole('button', { name: 'Additional functions' }).click()
  await expect(page.getByRole('menuitem', { name: /^Instance shutdown/ })).toContainText('It is paused. Resume lets it go on.')
  await page.getByRole('menuitem', { name: 'Resume', exact: true }).click()
  await expect(row(page, 'pause-1')).toContainText('Running', GUEST)

  await page.getByRole('link', { name: 'pause-1', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'pause-1' })).toBeVisible()
  await additional(page, 'Pause')
  await expect(page.locator('.page-head')).toContainText('Paused', GUEST)
  await expect(page.getByText('The way in is shown here once it goes on.').or(page.getByText('launched without a network'))).toBeVisible()
  await page.getByRole('tab', { name: 'Screen' }).click()
  await expect(page.getByText('This console opens once it goes on.')).toBeVisible()
  await settled(page)
  expect(await findings(page)).toEqual([])
  await notice(page).getByRole('button', { name: 'Resume' }).click()
  await expect(page.locator('.page-head')).toContainText('Running', GUEST)
  await expect(notice(page)).toHaveCount(0)
  await page.getByRole('tab', { name: 'History' }).click()
  await expect(page.getByRole('cell', { name: 'Resume' }).first()).toBeVisible()
  await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
})

test('each state has its word, and an instance that is paused for want of room says that it goes on by itself', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const id = await service.stopped(token, 'full-1', image)
  const fault = { code: 507, message: 'Paused: the disk of its host is nearly full.', created: '2026-01-01T00:00:00Z' }
  let shown: object = {}
  await signIn(page, service.url)
  await page.route(`**/servers/${id}`, async (route: Route) => {
    const answer = await route.fetch()
    const { server } = (await answer.json()) as { server: object }
    await route.fulfill({ response: answer, json: { server: { ...server, ...shown } } })
  })
  for (const [status, task, word] of [
    ['ACTIVE', 'pausing', 'Pausing'], ['PAUSED', 'unpausing', 'Resuming'], ['RESIZE', 'resize_prep', 'Resizing'], ['RESIZE', 'resize_finish', 'Resizing'],
    ['RESIZE', null, 'Resizing'], ['VERIFY_RESIZE', 'resize_confirming', 'Confirming resize'], ['REVERT_RESIZE', 'resize_reverting', 'Reverting resize'],
    ['REBUILD', 'rebuilding', 'Rebuilding'], ['REBUILD', 'rebuild_spawning', 'Rebuilding'],
  ] as const) {
    shown = { status, 'OS-EXT-STS:task_state': task }
    await page.goto(`${service.url}/instances/${id}`)
    await expect(page.locator('.page-head'), `${status} ${task}`).toContainText(word)
    await expect(notice(page)).toHaveCount(0)
  }
  shown = { status: 'PAUSED', fault }
  await page.goto(`${service.url}/instances/${id}`)
  await expect(page.locator('.page-head')).toContainText('Paused: no room')
  await expect(notice(page)).toHaveText(fault.message)
  await page.getByRole('button', { name: 'Additional functions' }).click()
  const resume = page.getByRole('menuitem', { name: /^Resume/ })
  await expect(resume).toHaveAttribute('aria-disabled', 'true')
  await expect(resume).toContainText('It goes on by itself')
  await page.keyboard.press('Escape')
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
})

test('a stopped instance is resized and that is confirmed; the next resize is reverted', async ({ page, cloud }) => {
  const { service, image, admin } = cloud
  const wanted = { flavor: { name: 'm1.life', vcpus: 2, ram: 128, disk: 2, id: null } }
  const { flavor } = await service.ask<{ flavor: Id }>(admin, '/compute/v2.1/flavors', 'POST', wanted)
  const token = await service.alice()
  const id = await service.stopped(token, 'size-1', image, 'm1.nano')
  await signIn(page, `${service.url}/instances/${id}`)
  const head = page.locator('.page-head')
  const facts = page.locator('.facts')
  const dialog = page.getByRole('dialog', { name: 'Resize instance' })

  await additional(page, 'Resize…')
  await expect(dialog.getByRole('button', { name: 'Resize' })).toBeDisabled()
  await expect(dialog.getByRole('row', { name: /m1\.nano/ })).toContainText('the current flavor')
  await expect(dialog.getByRole('radio', { name: 'm1.nano', exact: true })).toBeDisabled()
  // It is stopped, so no guest is shut down.
  await expect(dialog.getByRole('alert')).toHaveCount(0)
  await dialog.getByRole('radio', { name: 'm1.life', exact: true }).check()
  await dialog.getByRole('button', { name: 'Resize' }).click()
  await expect(dialog).toBeHidden()
  await expect(head).toContainText('Awaits confirmation', GUEST)
  await expect(notice(page)).toContainText('The resize to m1.life awaits confirmation')
  await expect(facts).toContainText('m1.life')
  await page.getByRole('button', { name: 'Additional functions' }).click()
  await expect(page.getByRole('menuitem', { name: /^Start/ })).toContainText('Confirm or revert its resize first.')
  await expect(page.getByRole('menuitem', { name: 'Delete', exact: true })).toBeEnabled()
  await page.keyboard.press('Escape')
  await settled(page)
  expect(await findings(page)).toEqual([])
  await notice(page).getByRole('button', { name: 'Confirm' }).click()
  await expect(head).toContainText('Stopped', GUEST)
  await expect(notice(page)).toHaveCount(0)
  await expect(facts).toContainText('m1.life')

  // A disk never shrinks.
  await additional(page, 'Resize…')
  await expect(dialog.getByRole('row', { name: /m1\.tiny/ })).toContainText('the disk has 2 GiB and never shrinks')
  await expect(dialog.getByRole('radio', { name: 'm1.tiny', exact: true })).toBeDisabled()
  await dialog.getByRole('radio', { name: 'm1.small', exact: true }).check()
  await dialog.getByRole('button', { name: 'Resize' }).click()
  await expect(head).toContainText('Awaits confirmation', GUEST)
  await expect(facts).toContainText('m1.small')
  // The list knows, too, and its menu has the same way back.
  await page.goto(`${service.url}/instances?search=size-1&status=VERIFY_RESIZE`)
  await expect(row(page, 'size-1')).toContainText('Awaits confirmation')
  await page.goto(`${service.url}/instances?search=size-1`)
  await select(page, 'size-1')
  await additional(page, 'Revert resize')
  await expect(row(page, 'size-1')).toContainText('Stopped', GUEST)
  await page.getByRole('link', { name: 'size-1', exact: true }).click()
  await expect(facts).toContainText('m1.life')
  await page.getByRole('tab', { name: 'History' }).click()
  for (const done of ['Resize', 'Confirm resize', 'Revert resize']) await expect(page.getByRole('cell', { name: done, exact: true }).first()).toBeVisible()
  await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
  await service.ask(admin, `/compute/v2.1/flavors/${flavor.id}`, 'DELETE')
})

test('a guest that runs is shut down and started again, and its consoles are there before one confirms', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const id = await service.instance(token, 'size-2', image)
  await signIn(page, `${service.url}/instances/${id}`)
  await additional(page, 'Resize…')
  const dialog = page.getByRole('dialog', { name: 'Resize instance' })
  await expect(dialog.getByRole('alert')).toContainText('The guest is shut down, and started again with the new flavor.')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await expect(dialog).toBeHidden()
  await expect(page.locator('.page-head')).toContainText('Running')
  await additional(page, 'Resize…')
  await dialog.getByRole('radio', { name: 'm1.nano', exact: true }).check()
  await dialog.getByRole('button', { name: 'Resize' }).click()
  await expect(page.locator('.page-head')).toContainText('Awaits confirmation', GUEST)
  await page.getByRole('tab', { name: 'Screen' }).click()
  await expect(page.locator('.screen canvas')).toBeVisible(GUEST)
  await page.getByRole('tab', { name: 'Console log' }).click()
  await expect(page.getByRole('log')).toContainText('MICRO-READY micro 0002 OK', GUEST)
  await notice(page).getByRole('button', { name: 'Revert' }).click()
  await expect(page.locator('.page-head')).toContainText('Running', GUEST)
  await expect(page.locator('.facts')).toContainText('m1.tiny')
  await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
})

test('an instance is rebuilt from another image, then a fleet at once, and nobody does so by mistake', async ({ page, cloud }) => {
  const { service, projects, image } = cloud
  const token = await service.alice('batch')
  const golden = await service.microImage(token, { name: 'golden-2' })
  const ids = await Promise.all([service.stopped(token, 'fleet-1', image), service.stopped(token, 'fleet-2', image), service.instance(token, 'fleet-3', image)])
  await signIn(page, `${service.url}/instances/${ids[0]}`, 'alice', PASSWORD, projects.batch)
  const dialog = page.getByRole('dialog', { name: 'Rebuild' })
  const submit = dialog.getByRole('button', { name: 'Rebuild' })

  await additional(page, 'Rebuild…')
  await expect(dialog.getByRole('alert').first()).toContainText('All that is on the disk of this instance is lost')
  await expect(dialog.getByRole('alert').first()).toContainText('fleet-1')
  // Its own image is what one mostly wants, and one click alone erases nothing.
  await expect(dialog.locator('.chosen')).toContainText('micro')
  const asked: string[] = []
  page.on('request', (request) => request.url().endsWith('/action') && request.postData()?.includes('rebuild') && asked.push(request.url()))
  await submit.click()
  await expect(dialog.getByText('Required')).toBeVisible()
  expect(asked).toEqual([])
  await dialog.getByRole('button', { name: 'Choose another' }).click()
  await dialog.getByRole('tab', { name: 'Private' }).click()
  await dialog.getByRole('radio', { name: 'golden-2', exact: true }).check()
  await dialog.getByLabel('Erase the disk of this instance').check()
  await submit.click()
  await expect(dialog).toBeHidden()
  await expect(page.locator('.facts')).toContainText('golden-2', GUEST)
  await expect(page.locator('.page-head')).toContainText('Stopped', GUEST)
  expect(asked).toHaveLength(1)

  await page.goto(`${service.url}/instances?search=fleet`)
  for (const name of ['fleet-1', 'fleet-2', 'fleet-3']) await select(page, name)
  await additional(page, 'Rebuild…')
  await expect(dialog.getByRole('alert').first()).toContainText('All that is on the disks of these 3 instances is lost')
  // They have different images, so none is chosen.
  await expect(submit).toBeDisabled()
  await dialog.getByRole('tab', { name: 'Private' }).click()
  await dialog.getByRole('radio', { name: 'golden-2', exact: true }).check()
  await dialog.getByLabel('Erase the disks of these 3 instances').check()
  await submit.click()
  await expect(dialog).toBeHidden()
  // One that ran runs again.
  for (const [name, status] of [['fleet-1', 'Stopped'], ['fleet-2', 'Stopped'], ['fleet-3', 'Running']] as const) {
    await expect(row(page, name)).toContainText('golden-2', GUEST)
    await expect(row(page, name)).toContainText(status, GUEST)
  }
  for (const id of ids) await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
  await service.until('the fleet is gone', async () => (await service.ask<{ servers: Id[] }>(token, '/compute/v2.1/servers?name=fleet')).servers.length === 0)
  await service.ask(token, `/image/v2/images/${golden}`, 'DELETE')
})

test('the dialogs are used by keys alone, fit a telephone and have nothing serious for axe', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const name = 'an-instance-with-a-rather-long-name-and-a-date-2026-11-28'
  const id = await service.stopped(token, name, image, 'm1.nano')
  await signIn(page, `${service.url}/instances/${id}`)
  const menu = page.getByRole('button', { name: 'Additional functions' })
  /** Presses a key until this has the focus. */
  const press = async (key: string, wanted: ReturnType<Page['locator']>) => {
    await expect(wanted).toBeVisible()
    for (let n = 0; n < 60 && !(await wanted.evaluate((element) => element === document.activeElement)); n += 1) await page.keyboard.press(key)
    await expect(wanted).toBeFocused()
  }
  const open = async (item: string) => {
    await menu.focus()
    await page.keyboard.press('Enter')
    await expect(page.locator('.ant-dropdown [role=menuitem]:focus')).toBeVisible()
    await press('ArrowDown', page.getByRole('menuitem', { name: item, exact: true }))
    await page.keyboard.press('Enter')
  }
  for (const [item, title] of [['Resize…', 'Resize instance'], ['Rebuild…', 'Rebuild']] as const) {
    const dialog = page.getByRole('dialog', { name: title })
    for (const width of [1360, 320]) {
      await page.setViewportSize({ width, height: width === 320 ? 640 : 860 })
      await menu.click()
      // Every item can be reached on a small screen.
      const last = page.getByRole('menuitem', { name: 'Delete', exact: true })
      await last.scrollIntoViewIfNeeded()
      await expect(last).toBeInViewport()
      await page.keyboard.press('Escape')
      await open(item)
      await expect(dialog).toBeVisible()
      if (title === 'Rebuild') await dialog.getByRole('button', { name: 'Choose another' }).click()
      await settled(page)
      expect.soft(await tooWide(page), `${title} at ${width}`).toEqual([])
      expect.soft(await findings(page), `${title} at ${width}`).toEqual([])
      await page.keyboard.press('Escape')
      await expect(dialog).toBeHidden()
      await expect(menu).toBeFocused()
    }
  }

  await page.setViewportSize({ width: 1360, height: 860 })
  await open('Resize…')
  const resize = page.getByRole('dialog', { name: 'Resize instance' })
  await press('Tab', resize.getByRole('radio', { name: 'm1.tiny', exact: true }))
  await page.keyboard.press('Space')
  await press('Tab', resize.getByRole('button', { name: 'Resize' }))
  await page.keyboard.press('Enter')
  await expect(page.locator('.page-head')).toContainText('Awaits confirmation', GUEST)
  await press('Tab', notice(page).getByRole('button', { name: 'Revert' }))
  await page.keyboard.press('Enter')
  await expect(page.locator('.page-head')).toContainText('Stopped', GUEST)

  await open('Rebuild…')
  const rebuild = page.getByRole('dialog', { name: 'Rebuild' })
  await press('Tab', rebuild.getByRole('checkbox'))
  await page.keyboard.press('Space')
  await press('Tab', rebuild.getByRole('button', { name: 'Rebuild' }))
  await page.keyboard.press('Enter')
  await expect(rebuild).toBeHidden()
  await expect(page.locator('.page-head')).toContainText('Stopped', GUEST)
  await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
})

test('the list is sorted by its headers, the order is in the address, and its pages keep it both ways', async ({ page, cloud }) => {
  const { service, projects, image } = cloud
  const token = await service.token('alice', PASSWORD, 'night')
  const made: string[] = []
  // The newest is neither the first nor the last of the alphabet.
  for (const name of ['sort-b', 'sort-c', 'sort-a']) made.push(await service.stopped(token, name, image))
  await service.ask(token, `/compute/v2.1/servers/${made[1]}/action`, 'POST', { 'os-start': null })
  await signIn(page, `${service.url}/instances?search=sort-`, 'alice', PASSWORD, projects.night)
  const names = () => page.locator('tr.ant-table-row .name-cell').allTextContents()
  const header = (name: string) => page.getByRole('columnheader', { name, exact: true })
  await expect.poll(names).toEqual(['sort-a', 'sort-c', 'sort-b'])
  await header('Name').click()
  await expect(page).toHaveURL(/sort=name(:|%3A)asc/)
  await expect.poll(names).toEqual(['sort-a', 'sort-b', 'sort-c'])
  await header('Name').click()
  await expect.poll(names).toEqual(['sort-c', 'sort-b', 'sort-a'])
  await header('Created').click()
  await expect.poll(names).toEqual(['sort-b', 'sort-c', 'sort-a'])
  await header('Status').click()
  await expect(header('Status')).toHaveAttribute('aria-sort', 'ascending')
  await expect(row(page, 'sort-c')).toContainText('Running', GUEST)
  // Those of one status stay newest first.
  await expect.poll(names).toEqual(['sort-c', 'sort-a', 'sort-b'])
  await page.reload()
  await expect(header('Status')).toHaveAttribute('aria-sort', 'ascending')
  await expect.poll(names).toEqual(['sort-c', 'sort-a', 'sort-b'])

  // A page before one is asked for in the reversed order, to the last tie.
  const detail = '/compute/v2.1/servers/detail?limit=2'
  const asked = page.waitForRequest((request) => request.url().includes(`marker=${made[0]}`))
  await page.goto(`${service.url}/instances?search=sort-&sort=status:asc&before=${made[0]}&from=51`)
  const order = [...new URL((await asked).url()).searchParams].filter(([word]) => word.startsWith('sort_')).map(([, value]) => value)
  expect(order).toEqual(['vm_state', 'desc', 'created_at', 'asc', 'uuid', 'asc'])
  const reversed = order.map((value, n) => `${n % 2 ? 'sort_dir' : 'sort_key'}=${value}`).join('&')
  const { servers } = await service.ask<{ servers: Id[] }>(token, `${detail}&marker=${made[0]}&${reversed}`)
  expect(servers.map(({ id }) => id)).toEqual([made[2], made[1]])
  for (const id of made) await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
})
