// The tab "Security": what the workspace demands of confirmations. Each change is confirmed on the phone, which shows what will hold.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef, useState, type FormEvent, type ReactNode } from 'react'
import type { Policy, PolicyRules } from '../../shared/types'
import { api } from '../api'
import { useDecide } from '../conflict/decide'
import type { Difference } from '../conflict/EditConflict'
import { metRules } from '../conflict/met'
import { saveOver } from '../conflict/save-over'
import { useConfirm, type Outcome } from '../confirm/run'
import { useT, type Key, type T } from '../i18n'
import { usePairing } from '../pairing/open'
import { keyOf, useSession } from '../session'
import { lifetimes } from '../token/life'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { SelectField } from '../ui/field'
import { Notice } from '../ui/notice'
import { Card, LoadError, Rich, Skeleton, Time } from '../ui/parts'
import { SessionLimitsCard } from './SessionLimits'
import { changed, minutes, modes, rulesOf, switches, type Switch } from './policy'

export function SecurityTab() {
  const { t } = useT()
  const session = useSession()
  const policy = useQuery({ queryKey: keyOf(session, 'policy'), queryFn: api.policy })
  const { data, error } = policy
  if (!data && error) return <Card><LoadError error={error} retry={() => void policy.refetch()} /></Card>
  if (!data) return <Card className="p-6"><Skeleton lines={8} /></Card>
  return (
    <div className="space-y-8">
      {data.frozen && <Frozen policy={data} />}
      <section>
        <h2 className="mb-4 text-lg font-semibold">{t('console.policy.title')}</h2>
        <Rules policy={data} />
        <Fixed />
      </section>
      <SessionLimitsCard />
    </div>
  )
}

const fixed: readonly { name: Key; text: Key }[] = [
  { name: 'console.policy.regenerate', text: 'console.policy.regenerate_text' },
  { name: 'console.policy.unlock', text: 'console.policy.unlock_text' },
  { name: 'console.policy.mail_link', text: 'console.policy.mail_link_text' },
]

/** What people look for among the rules and is none of them. */
function Fixed() {
  const { t } = useT()
  return (
    <Card className="mt-4 p-6 max-cards:p-5">
      <h3 className="font-medium">{t('console.policy.fixed')}</h3>
      <dl className="mt-3 grid gap-4 text-sm cards:grid-cols-3">
        {fixed.map(({ name, text }) => <div key={name}><dt className="font-medium">{t(name)}</dt><dd className="mt-0.5 text-muted">{t(text)}</dd></div>)}
      </dl>
    </Card>
  )
}

/** What became of a call: it met other rules, which somebody else had made, or it is done. */
type Became = { met: PolicyRules } | { done: null }

/** Confirms, makes the one call, and tells how it went; offers pairing where there is no phone. */
function useConfirmed() {
  const session = useSession()
  const queries = useQueryClient()
  const confirm = useConfirm()
  const pairing = usePairing()
  const announce = useAnnounce()
  /** Resolves with what became of the call; null where there was none. */
  return async (action: string, params: PolicyRules | undefined, after: Key, done: string, consume: (id: string) => Promise<Became>): Promise<Became | null> => {
    const outcome: Outcome<Became> | null = await confirm({ action, ...(params && { params }) }, after, ({ id }) => consume(id))
    if (outcome?.kind === 'no_device') {
      void pairing()
      return null
    }
    if (outcome && 'done' in outcome.value) announce(done)
    await queries.invalidateQueries({ queryKey: keyOf(session, 'policy') })
    return outcome?.value ?? null
  }
}

/** Two versions side by side where they differ. */
function differences(t: T, mine: PolicyRules, theirs: PolicyRules): Difference[] {
  const of = (rules: PolicyRules): [string, string | boolean][] => [
    [t('console.policy.mode'), modeOf(t, rules)],
    [t('console.policy.pending'), pendingOf(t, rules)],
    [t('console.policy.lifetime'), lifetimeOf(t, rules)],
    ...switches.map((name): [string, boolean] => [t(ruleKeys[name].name), rules[name]]),
  ]
  const other = of(theirs)
  return of(mine).map(([name, value], i) => ({ name, mine: value, theirs: other[i]?.[1] ?? '' })).filter((row) => row.mine !== row.theirs)
}

function Frozen({ policy }: { policy: Policy }) {
  const { t } = useT()
  const run = useConfirmed()
  const lift = () => void run('policy.unfreeze', undefined, 'console.policy.after_unfreeze', t('console.policy.unfrozen'), (id) => api.unfreeze(id).then(() => ({ done: null })))
  return (
    <Notice tone="bad">
      <p className="font-medium">{t('console.policy.frozen')}</p>
      <p className="mt-1"><Rich k="console.policy.frozen_text" parts={{ time: <Time at={policy.frozen!.since} /> }} /></p>
      {policy.can.unfreeze
        ? <Button className="mt-3" onClick={lift}>{t('console.policy.unfreeze')}</Button>
        : <p className="mt-1">{t('console.policy.frozen_owner')}</p>}
    </Notice>
  )
}

function Rules({ policy }: { policy: Policy }) {
  const { t } = useT()
  const run = useConfirmed()
  const decide = useDecide()
  const session = useSession()
  const queries = useQueryClient()
  const [base, setBase] = useState<PolicyRules>(() => rulesOf(policy))
  const [rules, setRules] = useState<PolicyRules>(base)
  // Somebody else's change is taken over where nothing else is wanted here. Where it is, saving asks which of the two holds.
  if (changed(base, policy).length > 0 && (changed(base, rules).length === 0 || changed(policy, rules).length === 0)) {
    setBase(rulesOf(policy))
    setRules(rulesOf(policy))
  }
  const saving = useRef(false)
  const different = changed(base, rules)
  const change = (part: Partial<PolicyRules>) => setRules((before) => ({ ...before, ...part }))
  const save = () => saveOver<PolicyRules, null>({
    base, same: (a, b) => changed(a, b).length === 0, wanted: (now) => changed(now, rules).length === 0, read: () => api.policy().then(rulesOf), metBy: metRules,
    meet: (now, taken) => {
      queries.setQueryData<Policy>(keyOf(session, 'policy'), (old) => old && { ...old, ...now })
      if (taken) setRules(now)
      else setBase(now)
    },
    decide: (theirs) => decide(t('console.policy.title'), differences(t, rules, theirs)),
    save: (was, refused) => run('policy.change', rules, 'console.policy.after_change', t('console.policy.changed'), async (id) => {
      try {
        await api.changePolicy(rules, was, id)
        return { done: null }
      } catch (error) {
        return refused(error)
      }
    }),
  })
  function submit(event: FormEvent) {
    event.preventDefault()
    if (different.length === 0 || saving.current) return
    saving.current = true
    void save().finally(() => { saving.current = false })
  }
  return (
    <Card className="p-6 max-cards:p-5">
      <form onSubmit={submit}>
        <fieldset disabled={!policy.can.change} className="space-y-6">
          <Modes mode={rules.mode} change={(mode) => change({ mode })} />
          {rules.mode === 'tap' && <Notice tone="warn">{t('console.policy.tap_warning')}</Notice>}
          <SelectField label={t('console.policy.pending')} value={rules.pending_seconds} onChange={(event) => change({ pending_seconds: Number(event.target.value) })}>
            {minutes(base.pending_seconds).map((seconds) => <option key={seconds} value={seconds}>{t('console.policy.minutes', { count: seconds / 60 })}</option>)}
          </SelectField>
          <SelectField label={t('console.policy.lifetime')} hint={t('console.policy.lifetime_hint')} value={rules.max_token_days} onChange={(event) => change({ max_token_days: Number(event.target.value) })}>
            {lifetimes.map(({ days, word }) => <option key={days} value={days}>{days === 0 ? t('console.policy.lifetime_none') : t(word)}</option>)}
          </SelectField>
          <div className="space-y-4">
            {switches.map((name) => <Rule key={name} name={name} on={rules[name]} change={(on) => change({ [name]: on })} />)}
          </div>
        </fieldset>
        <div className="mt-6 border-t border-line pt-6">
          {policy.can.change ? (
            <>
              {different.length > 0 && <Differences>{different.map((key) => <li key={key}>{t(key)}{fromTo(t, key, base, rules)}</li>)}</Differences>}
              <Button type="submit" look="primary" aria-disabled={different.length === 0}>{t('console.policy.save')}</Button>
            </>
          ) : <p className="text-sm text-muted">{t('console.policy.read_only')}</p>}
        </div>
      </form>
    </Card>
  )
}

/** What a rule was and will be, where that is more than on or off. */
function fromTo(t: T, key: Key, was: PolicyRules, will: PolicyRules): string {
  const words: Partial<Record<Key, (rules: PolicyRules) => string>> = {
    'console.policy.mode_changes': (rules) => modeOf(t, rules),
    'console.policy.pending_changes': (rules) => pendingOf(t, rules),
    'console.policy.lifetime_changes': (rules) => lifetimeOf(t, rules), 'console.policy.lifetime_off': (rules) => lifetimeOf(t, rules),
  }
  const say = words[key]
  return say ? `: ${say(was)} → ${say(will)}` : ''
}

const modeOf = (t: T, { mode }: PolicyRules) => t(modes.find(({ value }) => value === mode)?.name ?? 'console.policy.risk')

const pendingOf = (t: T, { pending_seconds: seconds }: PolicyRules) => t('console.policy.minutes', { count: seconds / 60 })

function lifetimeOf(t: T, { max_token_days: most }: PolicyRules): string {
  const known = lifetimes.find(({ days }) => days === most)
  return most === 0 || !known ? t('console.policy.lifetime_none') : t(known.word)
}

/** What will be different, before it is confirmed. */
function Differences({ children }: { children: ReactNode }) {
  const { t } = useT()
  return (
    <div className="mb-4 text-sm">
      <p className="text-muted">{t('console.policy.will_change')}</p>
      <ul className="mt-1 list-disc ps-5">{children}</ul>
    </div>
  )
}

function Modes({ mode, change }: { mode: PolicyRules['mode']; change: (mode: PolicyRules['mode']) => void }) {
  const { t } = useT()
  return (
    <fieldset>
      <legend className="mb-2 text-sm font-medium">{t('console.policy.mode')}</legend>
      <div className="space-y-3">
        {modes.map(({ value, name, text }) => (
          <label key={value} className="flex items-start gap-3">
            <input type="radio" name="mode" value={value} checked={mode === value} onChange={() => change(value)} className="mt-1 size-4" />
            <span><span className="font-medium">{t(name)}</span><span className="block text-sm text-muted">{t(text)}</span></span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}

function Rule({ name, on, change }: { name: Switch; on: boolean; change: (on: boolean) => void }) {
  const { t } = useT()
  return (
    <label className="flex items-start gap-3">
      <input type="checkbox" checked={on} onChange={(event) => change(event.target.checked)} className="mt-1 size-4" />
      <span><span className="font-medium">{t(ruleKeys[name].name)}</span><span className="block text-sm text-muted">{t(ruleKeys[name].text)}</span></span>
    </label>
  )
}

const ruleKeys: Record<Switch, { name: Key; text: Key }> = {
  two_admins: { name: 'console.policy.two_admins', text: 'console.policy.two_admins_text' },
  freeze_on_report: { name: 'console.policy.freeze', text: 'console.policy.freeze_text' },
  show_once: { name: 'console.policy.show_once', text: 'console.policy.show_once_text' },
  same_network: { name: 'console.policy.same_network', text: 'console.policy.same_network_text' },
  passkeys: { name: 'console.policy.passkeys', text: 'console.policy.passkeys_text' },
}
