// What a visitor has to load, gzipped as the service sends it, beside its budget (docs/performance.md). `node weights.mjs` prints the table
// and fails when something is too heavy: tools/web.sh runs it after each build, and the journeys print it with their figures.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const dist = new URL('dist/', import.meta.url)
const kB = 1000

const files = (build) => readdirSync(new URL(`${build}/assets/`, dist))

function weigher(build) {
  const known = new Map()
  return (path) => {
    if (!known.has(path)) known.set(path, gzipSync(readFileSync(new URL(`${build}${path}`, dist)), { level: 9 }).length)
    return known.get(path)
  }
}

/** The files of a chunk: itself and what it imports before it runs. */
function closure(build, first) {
  const all = new Set()
  const take = (file) => {
    if (all.has(file)) return
    all.add(file)
    const code = readFileSync(new URL(`${build}/assets/${file}`, dist), 'utf8')
    for (const [, next] of code.matchAll(/\bimport\s*(?:[^"'`();]*?\bfrom\s*)?["'`]\.\/([\w.-]+\.js)["'`]/g)) take(next)
  }
  first.forEach(take)
  return all
}

function scripts(build) {
  const html = readFileSync(new URL(`${build}/index.html`, dist), 'utf8')
  const named = (form) => [...html.matchAll(form)].map(([, path]) => path)
  return { modules: named(/(?:src|href)="\/assets\/([\w.-]+\.js)"/g), others: named(/<script src="(\/[\w.-]+\.js)"/g), styles: named(/href="(\/assets\/[\w.-]+\.css)"/g) }
}

function consoleWeights() {
  const weigh = weigher('console')
  const sum = (set) => [...set].reduce((all, file) => all + weigh(`/assets/${file}`), 0)
  const { modules, others, styles } = scripts('console')
  const first = closure('console', modules)
  const entry = [...first].map((file) => readFileSync(new URL(`console/assets/${file}`, dist), 'utf8')).join('\n')
  const lazy = [...new Set([...entry.matchAll(/import\(["'`]\.\/([\w.-]+\.js)["'`]\)/g)].map(([, file]) => file))]
  const pages = lazy.filter((file) => !/^de-/.test(file))
  const beyond = (page) => new Set([...closure('console', [page])].filter((file) => !first.has(file)))
  const page = (name) => pages.find((file) => file.startsWith(`${name}-`))
  const heaviest = pages.map((file) => [file.replace(/-[^-]{8}\.js$/, ''), sum(beyond(file))]).sort((a, b) => b[1] - a[1])[0]
  const always = sum(first) + others.reduce((all, path) => all + weigh(path), 0)
  const inside = new Set([...beyond(page('Shell')), ...beyond(page('MembersPage'))])
  const german = sum(lazy.filter((file) => /^de-/.test(file)))
  return [
    { name: 'console, first script: sign-in', bytes: always + sum(beyond(page('SignInPage'))), most: 200 * kB },
    { name: 'console, first script: All Members', bytes: always + sum(inside), most: 200 * kB },
    { name: 'console, German on top of that', bytes: german, most: 40 * kB },
    { name: `console, heaviest page on top (${heaviest[0]})`, bytes: heaviest[1], most: 40 * kB },
    { name: 'console, style', bytes: styles.reduce((all, path) => all + weigh(path), 0), most: 20 * kB },
  ]
}

function companionWeights() {
  const weigh = weigher('companion')
  const { modules } = scripts('companion')
  const worker = readFileSync(new URL('companion/sw.js', dist), 'utf8')
  const kept = ['/index.html', '/sw.js', ...files('companion').map((file) => `/assets/${file}`).filter((path) => worker.includes(path))]
  const sum = (paths) => paths.reduce((all, path) => all + weigh(path), 0)
  return [
    { name: 'companion, first script', bytes: sum([...closure('companion', modules)].map((file) => `/assets/${file}`)), most: 60 * kB },
    { name: 'companion, kept for offline, with its worker', bytes: sum(kept), most: 60 * kB },
  ]
}

/** Every weight with its budget, in bytes; none where the pages are not built. */
export function weights() {
  return existsSync(new URL('console/index.html', dist)) ? [...consoleWeights(), ...companionWeights()] : []
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const all = weights()
  for (const { name, bytes, most } of all) console.log(`web: ${name}: ${(bytes / kB).toFixed(1)} kB gzip, at most ${most / kB}${bytes > most ? '  TOO HEAVY' : ''}`)
  if (all.length === 0 || all.some(({ bytes, most }) => bytes > most)) process.exit(1)
}
