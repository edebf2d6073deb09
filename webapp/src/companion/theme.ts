// The chosen theme. public-companion/theme.js puts it in place before the first paint.

export type Theme = 'system' | 'light' | 'dark'
const stored = 'companion.theme'

export function theme(): Theme {
  const chosen = document.documentElement.dataset['theme']
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

/** The colour of the system's bar, as style.css has the ground. */
const grounds = { light: '#f1f5f9', dark: '#0b1120' }

export function chooseTheme(next: Theme): void {
  if (next === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = next
  document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]').forEach((meta) => {
    meta.content = grounds[next === 'system' ? (meta.media.includes('dark') ? 'dark' : 'light') : next]
  })
  try {
    if (next === 'system') localStorage.removeItem(stored)
    else localStorage.setItem(stored, next)
  } catch { /* it holds for this page */ }
}
