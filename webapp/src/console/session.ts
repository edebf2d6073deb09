// Who is signed in, for the pages below the shell.

import { QueryClient, queryOptions, useQuery } from '@tanstack/react-query'
import { createContext, useContext } from 'react'
import { ApiError } from '../shared/api'
import { isTransient } from '../shared/retry'
import { configRoles, type Session } from '../shared/types'
import { api } from './api'
import { sessionEnd } from './session-end'
import { activeSlug, chooseSlug } from './workspace'

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (count, error) => count < 2 && isTransient(error),
      networkMode: 'always', // the answer, or its absence, is what tells that the line is down
    },
    mutations: { networkMode: 'always' },
  },
})

export const sessionQuery = queryOptions({ queryKey: ['session'], queryFn: loadSession, staleTime: 60_000 })

/**
 * The session of this tab's workspace, or of the newest sign-in when the tab had none yet; null when signed out.
 * A session that ends under an open page is reported and stays as it was: the page keeps what was typed.
 */
async function loadSession(): Promise<Session | null> {
  const before = queryClient.getQueryData<Session | null>(['session'])
  const current = await signedIn()
  if (!current && before) {
    sessionEnd.report()
    return before
  }
  const session = current ?? (activeSlug() ? await anySession() : null)
  if (session) chooseSlug(session.workspace.slug)
  return session
}

function anySession(): Promise<Session | null> {
  chooseSlug(null)
  return signedIn()
}

async function signedIn(): Promise<Session | null> {
  try {
    return await api.session()
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null
    throw error
  }
}

export const SessionContext = createContext<Session | null>(null)

/** The session, below the shell. */
export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('no session above')
  return session
}

export function mayConfigure(session: Session): boolean {
  return configRoles.includes(session.person.role)
}

/** Whether somebody sees who else is in the workspace. */
export function mayRead(session: Session): boolean {
  return session.person.role !== 'guest'
}

export function mayManagePeople(session: Session): boolean {
  return session.person.role === 'owner' || session.person.role === 'super_admin'
}

export function useSessionQuery() {
  return useQuery(sessionQuery)
}

/** Keys of everything that belongs to one workspace. */
export function keyOf(session: Session, ...rest: string[]): string[] {
  return ['workspace', session.workspace.id, session.person.id, ...rest]
}
