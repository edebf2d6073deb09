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

/** The steps of the set-up that come after the workspace was made. */
export type LateStep = 'phone' | 'codes'

/** Where this tab is between set-up and its end, so that a reload comes back there; null where it is not. */
export function lateStep(): LateStep | null {
  const step = read(() => sessionStorage, pairingStep)
  return step === null ? null : step === 'codes' ? 'codes' : 'phone'
}

export function setLateStep(step: LateStep | null): void {
  write(() => sessionStorage, pairingStep, step)
}

const draft = 'countersign.setup.draft'

/** What was typed into the set-up so far, without anything secret; "" for nothing. */
export function setupDraft(): string {
  return read(() => sessionStorage, draft) ?? ''
}

export function keepSetupDraft(text: string | null): void {
  write(() => sessionStorage, draft, text)
}

const first = 'countersign.firstSteps'

/** Whether this browser has set the workspace up and is still shown what comes next. */
export function firstSteps(slug: string): boolean {
  return read(() => localStorage, first) === slug
}

export function showFirstSteps(slug: string | null): void {
  write(() => localStorage, first, slug)
}

const here = 'countersign.companionHere'

/** Whether a companion was paired from this browser's own device. */
export function pairedHere(): boolean {
  return read(() => localStorage, here) !== null
}

export function notePairedHere(): void {
  write(() => localStorage, here, '1')
}
