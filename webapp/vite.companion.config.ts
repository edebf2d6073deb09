import { readFileSync } from 'node:fs'
import { defineConfig } from 'vite'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as { version: string }

// The companion's build: an origin of its own, so its files stand at the root. The service worker is built after it (vite.sw.config.ts).
export default defineConfig({
  root: 'companion',
  publicDir: '../public-companion',
  define: { APP_VERSION: JSON.stringify(version) },
  server: { fs: { allow: ['..'] } },
  build: {
    outDir: '../dist/companion',
    emptyOutDir: true,
    assetsInlineLimit: 0, // a data: address would need img-src data:
    cssTarget: ['chrome111', 'edge111', 'firefox114', 'safari16.4'], // none knows light-dark(): it is written in older words
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { companion: 'companion/index.html' } },
  },
})
