// The guide in Firefox as Debian packages it. Playwright drives only a Firefox of its own making, so the same acts go
// through Puppeteer here, which speaks WebDriver BiDi to any Firefox.
import puppeteer, { type Page } from 'puppeteer-core'
import { expect, test } from './acts'
import { PASSWORD } from './service'

const executablePath = process.env.FIREFOX ?? '/usr/bin/firefox-esr'

/** A person at Firefox, who finds things by their roles and names, as a screen reader does. */
class Person {
  constructor(private readonly page: Page) {
    page.setDefaultTimeout(120_000)
  }

  private at = (role: string, name: string, within: string) => this.page.locator(`${within} ::-p-aria([name=${JSON.stringify(name)}][role="${role}"])`)

  click = (role: string, name: string, within = '') => this.at(role, name, within).click()
  fill = (role: 'textbox' | 'spinbutton', name: string, text: string, within = '') => this.at(role, name, within).fill(text)

  /** Waits until a part of the page says so. */
  async reads(part: string, words: string) {
    const says = (at: string, wanted: string) => [...document.querySelectorAll(at)].some((one) => one.textContent?.includes(wanted))
    await this.page.waitForFunction(says, {}, part, words)
  }

  /** Waits until the row of this name says so. */
  rowReads = (name: string, words: string) => this.reads(`tr:has([aria-label="Select ${name}"])`, words)

  async additional(item: string) {
    await this.click('button', 'Additional functions')
    await this.click('menuitem', item, '.ant-dropdown')
  }

  async toProject(name: string) {
    await this.click('combobox', 'Project')
    await this.page.locator(`.ant-select-item-option[title="${name}"]`).click()
    await this.reads('.shell-header .ant-select', name)
  }

  async launch(name: string, image: string, tab: string, count: number) {
    await this.click('button', 'Launch instance')
    await this.reads('h1', 'Launch instance')
    await this.click('tab', tab)
    await this.click('radio', image)
    await this.fill('textbox', 'Name', name)
    await this.fill('spinbutton', 'Count', String(count))
    await this.page.locator('label ::-p-text(No network)').click()
    await this.click('button', 'Launch instance')
    await this.reads('h1', 'Instances')
  }
}

test('the whole guide in Firefox', { tag: '@long' }, async ({ cloud }) => {
  test.setTimeout(400_000)
  const firefox = await puppeteer.launch({ browser: 'firefox', executablePath, headless: true })
  try {
    const page = await firefox.newPage()
    await page.setViewport({ width: 1360, height: 860 })
    const wrong: string[] = []
    page.on('pageerror', (error) => wrong.push(String(error)))
    const person = new Person(page)
    await page.goto(cloud.service.url)
    await person.fill('textbox', 'User name', 'alice')
    // The reference of roles has none for a password.
    await page.locator('input[type=password]').fill(PASSWORD)
    await person.click('button', 'Sign in')
    await person.toProject('web')
    await person.click('link', 'Instances', 'nav')
    await person.reads('h1', 'Instances')

    await person.launch('fox', 'micro', 'Public', 1)
    await person.rowReads('fox', 'Running')
    await person.click('checkbox', 'Select fox')
    await person.additional('Instance shutdown')
    await person.rowReads('fox', 'Stopped')
    await person.additional('Create image')
    await person.fill('textbox', 'Name', 'red', '[role=dialog]')
    await person.click('button', 'Create image', '[role=dialog]')

    await person.click('link', 'Images', 'nav')
    await person.click('tab', 'Private')
    await person.rowReads('red', 'Ready')
    await person.click('checkbox', 'Select red')
    await person.click('button', 'Share with other projects')
    for (const project of ['batch', 'night']) await person.click('button', project, '[role=dialog]')
    await person.click('button', 'Share with other projects', '[role=dialog]')
    for (const project of ['batch', 'night']) await person.reads('[role=dialog] [role=status]', `Shared with ${project}`)
    await page.keyboard.press('Escape')

    await person.toProject('batch')
    await person.click('tab', 'Shared images')
    await person.rowReads('red', 'web')
    await person.click('link', 'Instances', 'nav')
    await person.launch('den', 'red', 'Shared images', 3)
    for (const copy of ['den-1', 'den-2', 'den-3']) {
      await person.rowReads(copy, 'Running')
      await person.click('link', copy)
      await person.reads('[role=log]', 'MICRO-READY micro 0002 OK')
      await person.click('link', 'Instances', 'nav')
    }
    expect(wrong).toEqual([])
  } finally {
    await firefox.close()
  }
})
