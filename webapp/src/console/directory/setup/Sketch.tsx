// What the provider's page looks like, drawn, and the tables of attributes.

import { useId } from 'react'
import { useT } from '../../i18n'
import { Icon } from '../../ui/icons'
import type { Sketch } from './guides'

const line = 44
const wide = 440

/** A sketch with its text alternative: the provider's own words, which are in English on its page too. */
export function SketchOf({ sketch, provider }: { sketch: Sketch; provider: string }) {
  const { t } = useT()
  const id = useId()
  const words = sketch.lines.map((one) => [one.label, one.value].filter(Boolean).join(': ')).join(', ')
  const height = 52 + sketch.lines.length * line
  return (
    <figure className="mt-6 max-cards:hidden">
      <svg viewBox={`0 0 ${wide} ${height}`} className="block w-full max-w-lg text-muted" role="img" aria-labelledby={id}>
        <title id={id}>{t('console.guide.sketch', { idp: provider, page: sketch.title, words })}</title>
        <rect x=".5" y=".5" width={wide - 1} height={height - 1} rx="10" className="fill-sunken stroke-line" />
        <path d={`M1 36H${wide - 1}`} className="stroke-line" />
        <text x="18" y="23" className="fill-ink text-[13px] font-semibold">{sketch.title}</text>
        {sketch.lines.map((one, i) => <Line key={one.label} one={one} y={48 + i * line} />)}
      </svg>
      <figcaption className="mt-1.5 text-xs text-muted">{t('console.guide.sketch_hint', { idp: provider })}</figcaption>
    </figure>
  )
}

function Line({ one, y }: { one: Sketch['lines'][number]; y: number }) {
  if (one.button)
    return (
      <g>
        <rect x="18" y={y} width={one.label.length * 6.7 + 28} height="30" rx="5" className="fill-accent-soft stroke-accent" />
        <text x="32" y={y + 19.5} className="fill-accent text-[12px] font-medium">{one.label}</text>
      </g>
    )
  if (one.on !== undefined)
    return (
      <g>
        <rect x="18" y={y + 7} width="16" height="16" rx="3" className="fill-surface stroke-edge" />
        {one.on && <path d={`m21.5 ${y + 15} 3.5 3.5 6-7`} fill="none" className="stroke-accent" strokeWidth="2" />}
        <text x="44" y={y + 19.5} className="fill-ink text-[12px]">{one.label}</text>
      </g>
    )
  return (
    <g>
      <text x="18" y={y + 19.5} className="fill-ink text-[12px]">{one.label}</text>
      {one.value && <rect x="192" y={y} width={wide - 210} height="30" rx="4" className="fill-surface stroke-edge" />}
      {one.value && <text x="202" y={y + 19.5} className="fill-ink text-[12px]">{one.value}</text>}
    </g>
  )
}

const users = [
  ['userName', true, true], ['emails[type eq "work"].value', true, true], ['active', false, true], ['name.givenName', false, true], ['name.familyName', false, true], ['externalId', false, false],
] as const
const groups = [['displayName', true, true], ['externalId', false, false], ['members', false, false]] as const

/** The attributes of the tutorial: which are filtered by, and which have to be there. */
export function Attributes({ of }: { of: 'users' | 'groups' }) {
  const { t } = useT()
  const mark = (on: boolean) => on ? <><Icon name="check" className="inline size-4 text-good" /><span className="sr-only">{t('console.guide.yes')}</span></> : <span className="text-muted">–<span className="sr-only">{t('console.guide.no')}</span></span>
  return (
    <table className="mt-6 w-full text-left text-sm">
      <thead>
        <tr className="text-muted"><th scope="col" className="py-2 pr-3 font-medium">{t('console.log.attribute')}</th><th scope="col" className="px-3 py-2 font-medium">{t('console.guide.filtering')}</th><th scope="col" className="px-3 py-2 font-medium">{t('console.guide.required')}</th></tr>
      </thead>
      <tbody className="divide-y divide-line border-y border-line">
        {(of === 'users' ? users : groups).map(([name, filter, required]) => (
          <tr key={name}><th scope="row" className="py-2 pr-3 font-normal"><code className="font-mono [overflow-wrap:anywhere]" translate="no">{name}</code></th><td className="px-3 py-2">{mark(filter)}</td><td className="px-3 py-2">{mark(required)}</td></tr>
        ))}
      </tbody>
    </table>
  )
}
