/// <reference types="vitest/config" />
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

// The service that the development server stands before.
const service = process.env.EFFIGY_URL ?? 'http://127.0.0.1:9292'

/** Lays a .br and a .gz beside each file: the program serves them as they are. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    async closeBundle() {
      const names = await readdir('dist', { recursive: true })
      for (const name of names.filter((name) => /\.(js|css|html|svg)$/.test(name))) {
        const path = join('dist', name)
        const bytes = await readFile(path)
        const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
        await writeFile(`${path}.br`, brotliCompressSync(bytes, quality))
        await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }))
      }
    },
  }
}

const proxied = { target: service, ws: true, headers: { origin: new URL(service).origin }, changeOrigin: true }

const proxies = Object.fromEntries(
  ['/session', '/identity', '/image/', '/compute', '/network', '/effigy', '/console/'].map((path) => [path, proxied]),
)

export default defineConfig({
  plugins: [react(), compressed()],
  build: { target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0, chunkSizeWarningLimit: 2000 },
  server: { proxy: proxies },
  preview: { proxy: proxies },
  test: { include: ['src/**/*.test.ts'] },
})
