// Every page in every language, light and dark, to be looked at.
import { settled } from '../e2e/acts'
import { PASSWORD } from '../e2e/service'
import { IMAGE_TABS } from '../src/paths'
import { test } from './scene'

const FOLDER = process.env.LOOK ?? 'node_modules/.cache/look'
const MEMBER = ['', 'api-access', 'instances', 'launch', 'images?kind=public', 'images?kind=private', 'images?kind=shared', 'key-pairs', 'activity']
const ADMIN = ['flavors', 'host', 'projects', 'users', 'audit', 'images?kind=all', 'instances?scope=all']
/** Dialogs: the page, and which of the buttons of its second row opens one. */
const DIALOGS = [['projects', 0], ['projects', 1], ['projects', 2], ['flavors', 0], ['users', 0]] as const
/** A telephone, a tablet, half of a screen, a laptop. */
const WIDTHS = [390, 768, 1024, 1440]

for (const [language, locale] of [['en', 'en-US'], ['ko', 'ko-KR'], ['ja', 'ja-JP']] as const) {
  for (const mode of ['light', 'dark'] as const) {
    test(`${language}, ${mode}`, async ({ browser, scene }) => {
      const { service, golden, careless, instances } = scene
      for (const [user, password, paths] of [['alice', PASSWORD, [...MEMBER, ...IMAGE_TABS.map((tab) => `images/${golden}?tab=${tab}`), `images/${careless}?tab=report`, `instances/${instances[1]}`]], ['admin', service.adminPassword(), ADMIN]] as const) {
        const context = await browser.newContext({ locale, colorScheme: mode, viewport: { width: 1360, height: 860 }, reducedMotion: 'reduce' })
        const page = await context.newPage()
        await page.goto(service.url)
        await page.locator('input[type=password]').waitFor()
        if (user === 'alice') await page.screenshot({ path: `${FOLDER}/${language}-${mode}-sign-in.png` })
        await page.locator('input[autocomplete=username]').fill(user)
        await page.locator('input[type=password]').fill(password)
        await page.locator('button[type=submit]').click()
        await page.locator('nav').waitFor()
        for (const path of paths) {
          await page.goto(`${service.url}/${path}`)
          const name = path === '' ? 'home' : path.replace(careless, 'careless').replace(golden, 'one').replace(instances[1] ?? '', 'one').replaceAll(/[/?=]+/g, '-')
          for (const width of WIDTHS) {
            await page.setViewportSize({ width, height: 860 })
            await settled(page)
            await page.screenshot({ path: `${FOLDER}/${language}-${mode}-${width}-${name}.png`, fullPage: name.includes('careless') })
          }
        }
        if (user === 'admin') {
          for (const [path, at] of DIALOGS) {
            await page.goto(`${service.url}/${path}`)
            await page.locator('tr.ant-table-row').nth(1).locator('.row-acts button').nth(at).click()
            await page.locator('.ant-modal-container').waitFor()
            for (const width of WIDTHS) {
              await page.setViewportSize({ width, height: 860 })
              await settled(page)
              await page.screenshot({ path: `${FOLDER}/${language}-${mode}-${width}-dialog-${path}-${at}.png` })
            }
          }
        }
        await context.close()
      }
    })
  }
}
