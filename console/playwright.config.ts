import { defineConfig } from '@playwright/test'

// The browser is the system's own: nothing is downloaded. It is the build without windows: the other takes almost two
// seconds of a processor more for each claim, to draw a window that nobody sees.
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell'

export default defineConfig({
  testDir: process.env.EFFIGY_BROWSE ?? 'e2e',
  // One service, one browser: guests are emulated and the machine is small.
  workers: 1,
  fullyParallel: false,
  // Time-outs are for a machine that others keep busy; nothing waits for them when all is well.
  timeout: 240_000,
  expect: { timeout: 60_000 },
  forbidOnly: true,
  reporter: [['list'], ['./e2e/reasons.ts']],
  outputDir: 'node_modules/.cache/e2e',
  use: {
    browserName: 'chromium',
    viewport: { width: 1360, height: 860 },
    locale: 'en-US',
    // Nothing moves, but in the claims about movement (motion.spec.ts): a press on a menu that still fades in was lost now and then.
    contextOptions: { reducedMotion: 'reduce' },
    screenshot: 'only-on-failure',
    actionTimeout: 60_000,
    navigationTimeout: 60_000,
    launchOptions: {
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
})
