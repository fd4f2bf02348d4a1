import { request } from 'node:http'
import type { Page } from '@playwright/test'
import { expect, GUEST, signIn, test } from './acts'

/** The HTTP status that answers a WebSocket's handshake; 101 opens it. */
function handshake(url: string, origin?: string): Promise<number> {
  const { hostname, port, pathname, search } = new URL(url)
  const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', ...(origin && { origin }) }
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path: pathname + search, headers })
    asked.on('response', ({ statusCode = 0 }) => resolve(statusCode))
    asked.on('upgrade', (_, socket) => {
      socket.destroy()
      resolve(101)
    })
    asked.on('error', reject)
    asked.end()
  })
}

const bright = (page: Page) =>
  page.locator('.screen canvas').evaluate((canvas) => {
    const { width, height } = canvas as HTMLCanvasElement
    const pixels = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height).data ?? []
    let count = 0
    for (let at = 0; at < pixels.length; at += 4) if ((pixels[at] ?? 0) > 120) count += 1
    return count
  })

test('the screen shows what the guest draws, and takes keys', async ({ page, cloud }) => {
  const { service, image } = cloud
  const id = await service.instance(await service.alice(), 'screen-1', image)
  await signIn(page, `${service.url}/instances/${id}`)
  await page.getByRole('tab', { name: 'Screen' }).click()
  await expect(page.getByRole('status')).toHaveText('Connected', GUEST)
  await expect.poll(() => bright(page), GUEST).toBeGreaterThan(200)
  // The machine's firmware restarts it at these keys: the guest counts its boots.
  await page.getByRole('button', { name: 'Ctrl+Alt+Del' }).click()
  await page.getByRole('tab', { name: 'Console log' }).click()
  await expect(page.getByRole('log')).toContainText('MICRO-READY micro 0002 OK', GUEST)
})

test('the address of a screen that a program asked for opens in a browser, and needs no sign-in', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const id = await service.instance(token, 'alone-1', image)
  const address = new URL(await service.console(token, id, 'vnc'))
  address.protocol = new URL(service.url).protocol
  await page.goto(address.href)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Screen')
  await expect(page.getByRole('status')).toHaveText('Connected', GUEST)
  await expect.poll(() => bright(page), GUEST).toBeGreaterThan(200)
  expect(new URL(page.url()).search).toBe('')
  await page.goto(`${service.url}/screen#token=guess`)
  await expect(page.getByRole('alert')).toBeVisible(GUEST)
})

test('the serial console carries both ways, and is gone with its instance', async ({ page, cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const id = await service.instance(token, 'serial-1', image)
  await signIn(page, `${service.url}/instances/${id}`)
  const [socket] = await Promise.all([page.waitForEvent('websocket'), page.getByRole('tab', { name: 'Serial console' }).click()])
  await expect(page.locator('.xterm-helper-textarea')).toBeFocused()
  for (const letter of 'yes') {
    await page.keyboard.press(letter)
    await expect(page.locator('.xterm-rows')).toContainText('yes'.slice(0, 'yes'.indexOf(letter) + 1), GUEST)
  }
  const fresh = await service.console(token, id, 'serial')
  const screen = await service.console(token, id, 'vnc')
  await service.ask(token, `/compute/v2.1/servers/${id}`, 'DELETE')
  await expect.poll(() => socket.isClosed(), GUEST).toBe(true)
  for (const address of [socket.url(), fresh, screen]) expect(await handshake(address, service.url)).toBeGreaterThanOrEqual(400)
})

test('a console is opened from the console’s own pages alone', async ({ cloud }) => {
  const { service, image } = cloud
  const token = await service.alice()
  const id = await service.instance(token, 'origin-1', image)
  for (const kind of ['serial', 'vnc'] as const) {
    const address = await service.console(token, id, kind)
    for (const origin of ['http://evil.example', service.url.replace('127.0.0.1', 'localhost'), 'null']) {
      expect(await handshake(address, origin), origin).toBe(403)
    }
    expect(await handshake(address.replace(/token=[^&]*/, 'token=guess'), service.url)).toBeGreaterThanOrEqual(400)
    expect(await handshake(address, service.url)).toBe(101)
  }
})
