// Copying text (screens.md §0.8): the Clipboard API, then a temporary text area
// inside the open dialog, and always the truth about whether it worked.

/** Copies and says whether it did. `near` is an element of the dialog or page that has the focus. */
export async function copyText(text: string, near: Element, clipboard: Pick<Clipboard, 'writeText'> | undefined = navigator.clipboard): Promise<boolean> {
  if (clipboard) {
    try {
      await clipboard.writeText(text)
      return true
    } catch { /* refused: the older way may be allowed */ }
  }
  return copyByCommand(text, near)
}

function copyByCommand(text: string, near: Element): boolean {
  const host = near.closest('dialog') ?? document.body
  const focused = document.activeElement
  const area = document.createElement('textarea')
  area.value = text
  area.readOnly = true
  area.className = 'fixed top-0 left-0 opacity-0'
  area.setAttribute('aria-hidden', 'true')
  host.append(area)
  try {
    area.focus({ preventScroll: true })
    area.select()
    return document.execCommand('copy')
  } catch {
    return false
  } finally {
    area.value = ''
    area.remove()
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true })
  }
}

/** What to press to copy a selection here: "Ctrl+C", "⌘C", or "press" for a finger. */
export function copyShortcut(agent: string = navigator.userAgent): string {
  if (/iPhone|iPad|Android/.test(agent)) return 'press'
  return /Mac OS X/.test(agent) ? '⌘C' : 'Ctrl+C'
}
