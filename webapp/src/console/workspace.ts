// Which of the workspaces this browser is signed in to a tab works in, and the
// one it was signed in to last.

const active = 'countersign.workspace'
const last = 'countersign.lastWorkspace'

function read(storage: () => Storage, key: string): string | null {
  try {
    return storage().getItem(key)
  } catch {
    return null // storage switched off: every page starts with the newest sign-in
  }
}

function write(storage: () => Storage, key: string, value: string | null): void {
  try {
    if (value === null) storage().removeItem(key)
    else storage().setItem(key, value)
  } catch { /* as above */ }
}

let slug = read(() => sessionStorage, active)

/** The address of this tab's workspace; null means the newest sign-in. */
export function activeSlug(): string | null {
  return slug
}

export function chooseSlug(next: string | null): void {
  slug = next
  write(() => sessionStorage, active, next)
  if (next) write(() => localStorage, last, next)
}

/** The workspace this browser was signed in to last, to offer it again. */
export function lastSlug(): string | null {
  return read(() => localStorage, last)
}

const pairingStep = 'countersign.setup.pairing'

/** Whether this tab is between set-up and the first phone, so that a reload comes back there. */
export function inPairingStep(): boolean {
  return read(() => sessionStorage, pairingStep) !== null
}

export function setPairingStep(on: boolean): void {
  write(() => sessionStorage, pairingStep, on ? '1' : null)
}
