// Every page in every language, light and dark, to be looked at.
import { settled } from '../e2e/acts'
import { PASSWORD } from '../e2e/service'
import { test } from './scene'

const FOLDER = process.env.LOOK ?? 'node_modules/.cache/look'
const MEMBER = ['', 'api-access', 'instances', 'launch', 'images?kind=public', 'images?kind=private', 'images?kind=shared', 'key-pairs', 'activity']
const ADMIN = ['flavors', 'projects', 'users', 'audit']

for (const [language, locale] of [['en', 'en-US'], ['ko', 'ko-KR'], ['ja', 'ja-JP']] as const) {
  for (const mode of ['light', 'dark'] as const) {
    test(`${language}, ${mode}`, async ({ browser, scene }) => {
      const { service, golden, careless, instances } = scene
      for (const [user, password, paths] of [['alice', PASSWORD, [...MEMBER, `images/${golden}`, `images/${careless}`, `instances/${instances[1]}`]], ['admin', service.adminPassword(), ADMIN]] as const) {
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
          await settled(page)
          const name = path === '' ? 'home' : path.endsWith(careless) ? 'images-careless' : path.replace('?kind=', '-').replace(/\/.*/, '-one')
          await page.screenshot({ path: `${FOLDER}/${language}-${mode}-${name}.png`, fullPage: path.endsWith(careless) })
        }
        await context.close()
      }
    })
  }
}
