// The guide by clicks in a real cloud: users are Keystone's, instances are Nova's, images are Effigy's. The cloud is there,
// with Alice in three projects and a Public image *base* of the micro guest (scripts/openstack.sh).
import { expect, test } from '@playwright/test'
import { additional, fillSignIn, findings, row, select, settled, to, toProject } from '../e2e/acts'

const URL = process.env.CLOUD_CONSOLE ?? ''
const PASSWORD = process.env.CLOUD_PASSWORD ?? ''
/** Nova's guests are emulated, and it asks its host about them now and then. */
const NOVA = { timeout: 180_000 }

test('the whole guide by clicks in a cloud of Keystone and Nova', async ({ page }) => {
  test.setTimeout(900_000)
  const launch = async (name: string, image: string, tab: 'Public' | 'Shared images', count = 1) => {
    await page.getByRole('button', { name: 'Launch instance' }).first().click()
    await page.getByRole('tab', { name: tab }).click()
    await page.getByRole('radio', { name: image, exact: true }).check()
    await page.getByRole('radio', { name: 'micro', exact: true }).check()
    await page.getByLabel('Name', { exact: true }).fill(name)
    await page.getByLabel('Count', { exact: true }).fill(String(count))
    await page.getByRole('radio', { name: 'No network' }).check()
    await page.getByRole('button', { name: 'Launch instance' }).click()
    await expect(page.getByRole('heading', { name: 'Instances' })).toBeVisible()
  }

  await test.step('a wrong password is refused, and the right one signs in', async () => {
    await page.goto(`${URL}/instances`)
    await fillSignIn(page, 'alice', 'wrong')
    await expect(page.getByRole('alert')).toContainText('wrong')
    await page.getByRole('button', { name: 'Another domain' }).click()
    await expect(page.getByLabel('Domain')).toHaveValue('Default')
    await fillSignIn(page, 'alice', PASSWORD)
    await expect(page.getByRole('heading', { name: 'Instances' })).toBeVisible()
    await toProject(page, 'web')
  })

  await test.step('a key pair is made, and shown once', async () => {
    await to(page, 'Key pairs')
    await page.getByRole('button', { name: 'Create key pair' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('laptop')
    await dialog.getByRole('button', { name: 'Create key pair' }).click()
    await expect(page.getByRole('dialog')).toContainText('PRIVATE KEY')
    await page.getByRole('button', { name: 'I have saved it' }).click()
    await expect(page.getByRole('cell', { name: /^laptop/ })).toBeVisible()
  })

  await test.step('an instance is launched from a Public image', async () => {
    await to(page, 'Instances')
    await launch('server-1', 'base', 'Public')
    await expect(row(page, 'server-1')).toContainText('Running', NOVA)
    await page.getByRole('link', { name: 'server-1', exact: true }).click()
    await expect(page.getByRole('log')).toContainText('MICRO-READY base 0001 OK', NOVA)
  })

  await test.step('what this cloud does not have is said where a person looks for it', async () => {
    await page.getByRole('tab', { name: 'Serial console' }).click()
    await expect(page.getByText('for programs only')).toBeVisible()
    await page.getByRole('tab', { name: 'Screen' }).click()
    await page.getByRole('button', { name: 'Prepare the screen' }).click()
    // This cloud has no VNC: Nova says so.
    await expect(page.getByRole('alert')).toBeVisible()
    await page.getByRole('tab', { name: 'Console log' }).click()
    await page.getByRole('button', { name: 'Additional functions' }).click()
    await expect(page.getByRole('menuitem', { name: 'Force off' })).toBeDisabled()
    await page.keyboard.press('Escape')
    await settled(page)
    expect(await findings(page)).toEqual([])
    await to(page, 'Instances')
  })

  await test.step('Create image on a running instance says to shut it down first', async () => {
    await select(page, 'server-1')
    await additional(page, 'Create image')
    const dialog = page.getByRole('dialog', { name: 'Create image' })
    await expect(dialog).toContainText('Shut it down first')
    await expect(dialog.getByRole('button', { name: 'Create image', exact: true })).toHaveCount(0)
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await expect(dialog).toBeHidden()
  })

  await test.step('it is shut down, and an image is created of it', async () => {
    await additional(page, 'Instance shutdown')
    await expect(row(page, 'server-1')).toContainText('Stopped', NOVA)
    await additional(page, 'Create image')
    const dialog = page.getByRole('dialog', { name: 'Create image' })
    await expect(dialog.getByRole('textbox')).toHaveCount(1)
    await dialog.getByLabel('Name').fill('golden')
    await dialog.getByRole('button', { name: 'Create image' }).click()
    await expect(dialog).toBeHidden()
    await to(page, 'Images')
    await page.getByRole('tab', { name: 'Private' }).click()
    await expect(row(page, 'golden')).toContainText('Ready', NOVA)
  })

  await test.step('it is shared with two projects at once', async () => {
    await select(page, 'golden')
    await page.getByRole('button', { name: 'Share with other projects' }).click()
    const dialog = page.getByRole('dialog', { name: 'Share image' })
    const mine = dialog.getByRole('list', { name: 'Projects', exact: true })
    await mine.getByRole('button', { name: 'batch' }).click()
    await mine.getByRole('button', { name: 'night' }).click()
    await dialog.getByRole('button', { name: 'Share with other projects' }).click()
    await expect(dialog.getByRole('status')).toContainText('Shared with batch')
    await expect(dialog.getByRole('status')).toContainText('Shared with night')
    await dialog.getByRole('button', { name: 'Close' }).last().click()
    await expect(row(page, 'golden')).toContainText('Shared')
  })

  await test.step('in the other project it is under Shared images, and cannot be shared on', async () => {
    await toProject(page, 'batch')
    await page.getByRole('tab', { name: 'Shared images' }).click()
    await expect(row(page, 'golden')).toContainText('web')
    await select(page, 'golden')
    await expect(page.getByRole('button', { name: 'Share with other projects' })).toBeDisabled()
  })

  await test.step('three copies are launched in one go, and each boots from what the first left', async () => {
    await to(page, 'Instances')
    await launch('clone', 'golden', 'Shared images', 3)
    for (const name of ['clone-1', 'clone-2', 'clone-3']) await expect(row(page, name)).toContainText('Running', NOVA)
    for (const name of ['clone-1', 'clone-2', 'clone-3']) {
      await page.getByRole('link', { name, exact: true }).click()
      await expect(page.getByRole('log')).toContainText('MICRO-READY base 0002 OK', NOVA)
      await to(page, 'Instances')
    }
  })

  const made = { id: '', secret: '' }
  await test.step('an application credential is made, and signs in to its project alone', async () => {
    await page.getByRole('button', { name: /^Account/ }).click()
    await page.getByRole('menuitem', { name: 'API access' }).click()
    await expect(page.getByRole('cell', { name: 'compute', exact: true })).toBeVisible()
    await page.getByRole('button', { name: 'Create application credential' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('laptop')
    await dialog.getByRole('button', { name: 'Create application credential' }).click()
    await expect(page.getByRole('dialog')).toContainText('Save the secret now')
    const file = await page.getByRole('dialog').innerText()
    made.id = /application_credential_id: "?([0-9a-f]+)/.exec(file)?.[1] ?? ''
    made.secret = /application_credential_secret: "?([\w-]+)/.exec(file)?.[1] ?? ''
    await page.getByRole('button', { name: 'I have saved it' }).click()
  })

  await test.step('everything is deleted, and signing out ends the session', async () => {
    await to(page, 'Instances')
    for (const name of ['clone-1', 'clone-2', 'clone-3']) await select(page, name)
    await additional(page, 'Delete')
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await expect(page.getByText('No instances yet')).toBeVisible(NOVA)
    await page.getByRole('button', { name: /^Account/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'With an application credential' }).click()
    await page.getByLabel('ID of the application credential').fill(made.id)
    await page.getByLabel('Secret').fill(made.secret)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.locator('.shell-header .ant-select')).toContainText('batch')
    await page.getByRole('combobox', { name: 'Project' }).click()
    await expect(page.locator('.ant-select-item-option')).toHaveCount(1)
  })
})
