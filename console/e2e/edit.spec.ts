// The editor of an image's record: helped by the definitions, saved as one change, never over somebody else's unasked.
import { expect, findings, settled, signIn, test } from './acts'

test('a record is edited with the help of its definitions, in one change, and a conflict is told', async ({ page, cloud }) => {
  const { service } = cloud
  const token = await service.alice()
  const id = await service.image(token, { name: 'edited-whole', os_distro: 'debian', hw_serial_port_count: '2', my_own: 'first', tags: ['old'] })
  const record = () => service.ask<Record<string, unknown>>(token, `/image/v2/images/${id}`)
  await signIn(page, `${service.url}/images/${id}?tab=properties`)
  await page.getByRole('button', { name: 'Edit properties' }).click()
  const dialog = page.getByRole('dialog', { name: 'Edit image' })
  await expect(dialog.getByText('How many serial ports the guest has.')).toBeVisible()
  await settled(page)
  expect(await findings(page)).toEqual([])

  // Errors stand at their fields, and nothing is sent.
  const ports = dialog.getByRole('spinbutton', { name: 'Serial ports' })
  await ports.fill('')
  await dialog.getByRole('button', { name: 'Another property' }).click()
  await dialog.getByLabel('Property name').last().fill('size')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(dialog.getByText('Type a number.')).toBeVisible()
  await expect(dialog.getByText('The record or the service has this name.')).toBeVisible()
  await ports.fill('4')
  await dialog.getByLabel('Property name').last().fill('team')
  await dialog.getByRole('textbox', { name: 'team' }).fill('blue')

  // A choice is a list, a yes or no a switch.
  const add = async (name: string) => {
    await dialog.getByRole('combobox', { name: 'Add a property' }).fill(name)
    await page.locator('.ant-select-dropdown:visible .ant-select-item-option').filter({ hasText: name }).click()
  }
  await add('hw_disk_bus')
  await dialog.getByRole('combobox', { name: 'Disk bus' }).click()
  await page.locator('.ant-select-dropdown:visible .ant-select-item-option').filter({ hasText: /^scsi$/ }).click()
  await add('hw_qemu_guest_agent')
  await dialog.getByRole('switch', { name: 'Guest agent' }).click()
  await dialog.getByLabel('Name', { exact: true }).fill('edited-twice')
  await dialog.getByLabel('Description', { exact: true }).fill('The base of everything')
  await dialog.getByLabel('Version', { exact: true }).fill('13')
  await dialog.getByRole('switch', { name: 'Protected' }).click()
  await dialog.getByRole('button', { name: 'Remove my_own' }).click()

  // Somebody else is faster with one of the fields.
  const patch = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
  await service.ask(token, `/image/v2/images/${id}`, 'PATCH', [{ op: 'replace', path: '/name', value: 'theirs' }, { op: 'replace', path: '/min_ram', value: 64 }], patch)
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(dialog.getByRole('alert')).toContainText('Somebody else changed this meanwhile: name')
  expect((await record()).name).toBe('theirs')
  const sent: string[] = []
  page.on('request', (request) => request.method() === 'PATCH' && sent.push(request.url()))
  await dialog.getByRole('button', { name: 'Save mine' }).click()
  await expect(dialog).toHaveCount(0)
  expect(sent).toHaveLength(1)
  const saved = await record()
  expect(saved).toMatchObject({
    name: 'edited-twice', description: 'The base of everything', os_distro: 'debian', os_version: '13', protected: true, min_ram: 64,
    hw_serial_port_count: '4', hw_disk_bus: 'scsi', hw_qemu_guest_agent: 'true', team: 'blue', tags: ['old'],
  })
  expect('my_own' in saved).toBe(false)
})
