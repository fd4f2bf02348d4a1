import { expect, GUEST, signIn, test } from './acts'

const MARKUP = '<img src=x onerror="document.title=\'owned\'">'

test('names and properties that hold markup are shown as text', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const fields = { name: `${MARKUP} \u001b[31m\u202e`, note: '<script>document.title="owned"</script>', tags: ['<b>bold</b>'] }
  const id = await service.image(token, fields, new Uint8Array(1 << 20))
  await signIn(page, `${service.url}/images?kind=private`)
  await page.getByRole('link', { name: '<img src=x' }).click()
  await expect(page).toHaveURL(new RegExp(id))
  await page.getByRole('tab', { name: 'Properties' }).click()
  await expect(page.getByText(fields.note)).toBeVisible()
  await expect(page.getByText('<b>bold</b>')).toBeVisible()
  await expect(page.getByRole('heading', { level: 1 })).toContainText(MARKUP)
  expect(await page.locator('main img, main b, main script').count()).toBe(0)
  expect(await page.title()).not.toBe('owned')
  // In every dialog and menu that repeats it, too.
  await page.getByRole('button', { name: 'Share with other projects' }).click()
  await expect(page.getByRole('dialog', { name: 'Share image' })).toContainText(MARKUP)
  expect(await page.locator('.ant-modal img').count()).toBe(0)
})

test('what a guest prints is shown as text, without what only a terminal would obey', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const id = await service.instance(token, `${MARKUP.slice(0, 40)}`, image)
  // The micro guest repeats what it is sent, but for the letters that it obeys: w f r o p z.
  const line = '\u001b[31m<b>deadly</b><img s\u001b]0;title\u0007\u001b[2Jclean'
  await signIn(page, `${service.url}/instances/${id}`)
  await service.types(page, await service.console(token, id, 'serial'), line)
  await expect(page.getByRole('log')).toContainText('<b>deadly</b><img sclean', GUEST)
  const shown = await page.getByRole('log').evaluate((log) => log.textContent ?? '')
  expect(shown).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
  expect(shown).not.toContain('[31m')
  // Colours are elements without words of the guest's in them.
  expect(await page.getByRole('log').locator('*').evaluateAll((all) => all.map(({ tagName, attributes }) => [tagName, ...[...attributes].map(({ name }) => name)].join(' ')))).toEqual(['SPAN style'])
})
