import { ko } from '../src/locales/ko'
import { expect, signIn, signInAs, test, to } from './acts'

test('the guide’s words are the Korean console’s words', async ({ browser, cloud }) => {
  const page = await signInAs(browser, cloud.service, 'ko-KR')
  await page.getByRole('button', { name: '추가 기능' }).click()
  await expect(page.getByRole('menuitem', { name: '인스턴스 종료(Shutdown)' })).toBeVisible()
  await expect(page.getByRole('menuitem', { name: 'Image 생성' })).toBeVisible()
  await page.keyboard.press('Escape')
  await to(page, 'Image')
  await expect(page.getByRole('tab', { name: '공유된 Image' })).toBeVisible()
  await expect(page.getByRole('button', { name: '다른 프로젝트에 공유' })).toBeVisible()
  await page.context().close()
})

test('a refusal is told in the reader’s language, with the service’s own words beside the id of the request', async ({ browser, cloud }) => {
  const page = await signInAs(browser, cloud.service, 'ko-KR')
  await page.goto(`${cloud.service.url}/key-pairs`)
  await page.getByRole('button', { name: ko.keyPairs.import }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(ko.form.name).fill('garbage')
  await dialog.getByLabel(ko.keyPairs.publicKey).fill('ssh-dss AAAA')
  await dialog.getByRole('button', { name: ko.keyPairs.import }).click()
  const alert = dialog.getByRole('alert')
  await expect(alert).toContainText('올바른 공개 키가 아닙니다')
  await expect(alert).toContainText(/요청 req-/)
  await expect(alert.getByText('Keypair data is invalid')).toBeHidden()
  await alert.getByText(ko.error.details).click()
  await expect(alert.getByText('Keypair data is invalid')).toBeVisible()
  await page.context().close()
})

test('the page to sign in offers each language by its own name', async ({ browser, cloud }) => {
  const context = await browser.newContext({ locale: 'en-US' })
  const page = await context.newPage()
  await page.goto(cloud.service.url)
  await page.getByRole('button', { name: '한국어', exact: true }).click()
  await expect(page.getByRole('button', { name: '로그인', exact: true })).toBeVisible()
  await expect(page.getByRole('button', { name: '한국어', exact: true })).toHaveAttribute('aria-pressed', 'true')
  await context.close()
})

test('another language is one click away, and stays', async ({ page, cloud }) => {
  await signIn(page, cloud.service.url)
  await page.getByRole('button', { name: 'Language' }).click()
  await page.getByRole('menuitem', { name: '日本語' }).click()
  await expect(page.getByRole('heading', { name: 'インスタンス' })).toBeVisible()
  await page.reload()
  await expect(page.getByRole('heading', { name: 'インスタンス' })).toBeVisible()
})
