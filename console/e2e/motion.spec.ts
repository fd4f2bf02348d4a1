import { expect, select, signIn, test, to } from './acts'

test.use({ contextOptions: { reducedMotion: 'no-preference' } })

// A press that begins on a button which still grows or slides ends beside it, and the browser makes no click of it.
test('a dialog and a menu appear where they stay', async ({ page, cloud }) => {
  const { service } = cloud
  await service.image(await service.alice(), { name: 'moved' })
  await signIn(page, service.url)
  await to(page, 'Images')
  await select(page, 'moved')
  await page.evaluate(() => {
    const places: Record<string, string[]> = {}
    Object.assign(globalThis, { places })
    const look = () => {
      for (const kind of ['.ant-modal', '.ant-dropdown']) {
        const found = document.querySelector(kind)
        // Before it has a place it is above the page, and one that goes away may shrink.
        const box = found?.className.includes('-leave') ? undefined : found?.getBoundingClientRect()
        if (!found || !box || box.bottom <= 0 || box.width === 0) continue
        // A menu goes with the page, which is scrolled where a press is tried again; a dialog stays in the window.
        const down = kind === '.ant-dropdown' ? scrollY : 0
        ;(places[kind] ??= []).push([box.x, box.y + down, box.width].map(Math.round).join(' '))
      }
      requestAnimationFrame(look)
    }
    look()
  })
  const places = async (kind: string) => {
    const seen = await page.evaluate(() => (globalThis as unknown as { places: Record<string, string[]> }).places)
    expect(seen[kind]?.length, 'frames in which it was seen').toBeGreaterThan(3)
    const at = [...new Set(seen[kind])]
    expect(at, `places of ${kind}: ${at.join('; ')}`).toHaveLength(1)
  }
  await page.getByRole('button', { name: 'More', exact: true }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('moved')
  await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState !== 'running'))
  await places('.ant-dropdown')
  await places('.ant-modal')
})

test('what is chosen in the share dialog stays while an answer fails and is asked for again', async ({ page, cloud }) => {
  const { service } = cloud
  await service.microImage(await service.alice(), { name: 'chosen' })
  let answered = 0
  await page.route('**/verification', async (route) => {
    answered++
    await route.fulfill({ status: 503, json: { error: 'away' } })
  })
  await signIn(page, service.url)
  await to(page, 'Images')
  await select(page, 'chosen')
  await page.getByRole('button', { name: 'Share with other projects' }).click()
  const shared = page.getByRole('dialog', { name: 'Share image' }).getByRole('list', { name: 'Shared projects' })
  await page.getByRole('dialog').getByRole('button', { name: 'batch' }).click()
  await expect(shared.getByRole('button')).toHaveCount(1)
  const before = answered
  // A browser that is back on the network asks again.
  await page.evaluate(() => ['offline', 'online'].map((word) => dispatchEvent(new Event(word))))
  await expect.poll(() => answered).toBeGreaterThan(before)
  await page.waitForTimeout(300)
  await expect(shared.getByRole('button')).toHaveCount(1)
})

test('a list rests while the names of its images are long on their way', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const image = await service.microImage(token, { name: 'named-late' })
  await service.instance(token, 'first-of-two', cloud.image)
  await signIn(page, service.url)
  await expect(page.getByRole('row').filter({ hasText: 'first-of-two' })).toContainText('micro')
  let send = () => {}
  const sent = new Promise<void>((resolve) => (send = resolve))
  await page.route('**/image/v2/images?limit=1000&id=in:**', async (route) => {
    await sent
    await route.continue()
  })
  // There is an answer for other images already, which stands in for the one that is on its way.
  await service.instance(token, 'second-of-two', image)
  await expect(page.getByRole('row').filter({ hasText: 'second-of-two' })).toContainText('Running')
  await select(page, 'second-of-two')
  await page.waitForTimeout(1000)
  await expect(page.getByText('1 selected')).toBeVisible()
  send()
  await expect(page.getByRole('row').filter({ hasText: 'second-of-two' })).toContainText('named-late')
})
