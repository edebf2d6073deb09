// Pages before the shell: one card in the middle, the brand above it.

import type { ReactNode } from 'react'
import { useBrand } from '../shell/title'
import { Mark } from './icons'
import { Card } from './parts'

export function Front({ title, lead, wide = false, children }: { title: string; lead?: ReactNode; wide?: boolean; children: ReactNode }) {
  const brand = useBrand()
  return (
    <main className={`mx-auto flex min-h-dvh w-full flex-col justify-center px-4 py-10 ${wide ? 'max-w-2xl' : 'max-w-md'}`}>
      <p className="mb-8 flex items-center justify-center gap-3 text-lg font-semibold"><Mark className="size-10" />{brand}</p>
      <Card className="p-8 max-cards:p-5">
        <h1 tabIndex={-1} className="text-xl font-semibold [overflow-wrap:anywhere]">{title}</h1>
        {lead && <p className="mt-1.5 text-muted">{lead}</p>}
        <div className="mt-6">{children}</div>
      </Card>
      <div className="h-[6vh]" />
    </main>
  )
}
