import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vite'

const dist = new URL('dist/companion/', import.meta.url)

// The worker carries the list of the companion's files, so it changes whenever the companion does: that is how a phone hears of an update.
// The reader of QR codes is as large as everything else together and of no use without a network: it is loaded when a code is read.
function shell(): string[] {
  const kept = readdirSync(new URL('assets/', dist)).filter((file) => !file.startsWith('jsQR-'))
  return ['/', '/app.webmanifest', '/icon.svg', '/theme.js', ...kept.sort().map((f) => `/assets/${f}`)]
}

function digest(): string {
  const hash = createHash('sha256').update(shell().join('\n')).update(readFileSync(new URL('index.html', dist)))
  return hash.digest('hex').slice(0, 12)
}

// Only the words of notifications, in each language.
function words(language: string): Record<string, string> {
  const all = JSON.parse(readFileSync(new URL(`src/i18n/${language}-companion.json`, import.meta.url), 'utf8')) as Record<string, string>
  const prefix = 'companion.notice.'
  return Object.fromEntries(Object.entries(all).filter(([k]) => k.startsWith(prefix)).map(([k, v]) => [k.slice(prefix.length), v]))
}

// A classic worker in one file without a hash, in a build of its own: a module shared with the page would become an import in it.
export default defineConfig({
  publicDir: false,
  define: {
    SHELL_FILES: JSON.stringify(shell()),
    SHELL_VERSION: JSON.stringify(digest()),
    NOTICE_WORDS: JSON.stringify({ en: words('en'), de: words('de') }),
  },
  build: {
    outDir: 'dist/companion',
    emptyOutDir: false,
    copyPublicDir: false,
    modulePreload: false,
    rolldownOptions: {
      input: { sw: 'src/sw/sw.ts' },
      output: { format: 'iife', entryFileNames: 'sw.js', codeSplitting: false },
    },
  },
})
