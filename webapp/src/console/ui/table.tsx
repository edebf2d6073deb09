// Tables that become cards under 700 px. Roles are written out, because a table
// that is laid out as blocks loses its own.

import type { ReactNode } from 'react'
import { useT, type Key } from '../i18n'

export function Table({ heads, children }: { heads: { key: Key; hidden?: true }[]; children: ReactNode }) {
  const { t } = useT()
  return (
    <table role="table" className="cards w-full text-left text-sm">
      <thead role="rowgroup">
        <tr role="row">
          {heads.map(({ key, hidden }) => (
            <th key={key} role="columnheader" scope="col" className="px-3 py-3 font-medium text-muted first:pl-6 last:pr-6">
              {hidden ? <span className="sr-only">{t(key)}</span> : t(key)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" className="divide-y divide-line border-t border-line max-cards:border-t-0">{children}</tbody>
    </table>
  )
}

export function Row({ children, className = '' }: { children: ReactNode; className?: string }) {
  return <tr role="row" className={`relative ${className}`}>{children}</tr>
}

/** `label` names the value in a card; without one the value stands for itself. */
export function Cell({ label, children, className = '' }: { label?: string; children: ReactNode; className?: string }) {
  return (
    <td role="cell" className={`px-3 py-3.5 align-top first:pl-6 last:pr-6 max-cards:px-0 max-cards:py-0.5 max-cards:first:pl-0 max-cards:last:pr-0 ${label ? 'cell-labelled' : ''} ${className}`}>
      {label && <span aria-hidden="true" className="cell-label text-muted">{label}</span>}
      <div className="min-w-0">{children}</div>
    </td>
  )
}
