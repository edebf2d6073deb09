// A new password, typed twice.

import { useState } from 'react'
import { useT } from '../i18n'
import { Field } from './field'

const shortest = 12
const longest = 128

export interface PasswordPair {
  password: string
  repeated: string
  setPassword(value: string): void
  setRepeated(value: string): void
  tooWeak: boolean
  different: boolean
  /** Whether it can be sent; from then on says what is wrong. */
  check(): boolean
}

export function usePasswordPair(): PasswordPair {
  const [password, setPassword] = useState('')
  const [repeated, setRepeated] = useState('')
  const [checked, setChecked] = useState(false)
  const length = [...password].length
  const weak = length < shortest || length > longest
  const different = password !== repeated
  const check = () => {
    setChecked(true)
    return !weak && !different
  }
  return { password, repeated, setPassword, setRepeated, tooWeak: checked && weak, different: checked && !weak && different, check }
}

export function NewPassword({ pair }: { pair: PasswordPair }) {
  const { t } = useT()
  return (
    <>
      <Field
        label={t('console.new_password')} type="password" autoComplete="new-password" hint={t('console.password_hint')}
        error={pair.tooWeak ? t('console.error.weak_password') : null} value={pair.password} onChange={(event) => pair.setPassword(event.target.value)}
      />
      <Field
        label={t('console.repeat_password')} type="password" autoComplete="new-password"
        error={pair.different ? t('console.password_differs') : null} value={pair.repeated} onChange={(event) => pair.setRepeated(event.target.value)}
      />
    </>
  )
}
