// What the two views of an auditor's page are given.

import { useEffect } from 'react'
import type { AuditorCalls } from './api'
import type { AuditorSearch } from './search'

export interface ViewProps { slug: string; calls: AuditorCalls; search: AuditorSearch; go: (next: AuditorSearch, replace?: boolean) => void; ended: (error: unknown) => void }

/** Tells when the link is refused: the page then says that instead of what it could not load. */
export function useEnd(error: unknown, ended: (error: unknown) => void): void {
  useEffect(() => { if (error) ended(error) })
}
