// How the Owner of a fresh service will sign in: with a passkey or a password.

import { useId } from 'react'
import type { SetupRequest } from '../../shared/types'
import { api } from '../api'
import { useT, type Key } from '../i18n'
import { makePasskey, passkeysHere } from '../passkey'
import { NewPassword, type PasswordPair } from '../ui/password'

export type Way = 'password' | 'passkey'

const ways: { way: Way; label: Key; text: Key }[] = [
  { way: 'password', label: 'console.password', text: 'console.setup.way_password' },
  { way: 'passkey', label: 'console.setup.passkey', text: 'console.setup.way_passkey' },
]

export function OwnerWay({ way, choose, pair }: { way: Way; choose: (way: Way) => void; pair: PasswordPair }) {
  const { t } = useT()
  const id = useId()
  if (!passkeysHere()) return <NewPassword pair={pair} />
  return (
    <>
      <fieldset className="space-y-3">
        <legend className="mb-1.5 text-sm font-medium">{t('console.setup.way')}</legend>
        {ways.map((w) => (
          <div key={w.way} className="flex items-start gap-3">
            <input id={`${id}-${w.way}`} type="radio" name={id} checked={way === w.way} onChange={() => choose(w.way)} aria-describedby={`${id}-${w.way}-text`} className="mt-1 size-4 shrink-0" />
            <div className="min-w-0">
              <label htmlFor={`${id}-${w.way}`} className="font-medium">{t(w.label)}</label>
              <p id={`${id}-${w.way}-text`} className="text-sm text-muted">{t(w.text)}</p>
            </div>
          </div>
        ))}
      </fieldset>
      {way === 'password' && <NewPassword pair={pair} />}
    </>
  )
}

/** Lets the browser make the passkey of the Owner whom `body` describes. */
export async function ownersPasskey(body: SetupRequest, name: string): Promise<SetupRequest> {
  const ceremony = await api.claimPasskey(body)
  return { ...body, owner: { ...body.owner, passkey: { ceremony: ceremony.ceremony, name, response: await makePasskey(ceremony) } } }
}
