import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { Setup } from '../../shared/types'
import { sessionQuery } from '../session'

/** The name the operator gave this service. */
export function useBrand(): string {
  const queries = useQueryClient()
  return queries.getQueryData(sessionQuery.queryKey)?.brand ?? queries.getQueryData<Setup>(['setup'])?.brand ?? 'Countersign'
}

/** Names the page in the browser's tab. */
export function useTitle(page: string): void {
  const brand = useBrand()
  useEffect(() => { document.title = `${page} · ${brand}` }, [page, brand])
}
