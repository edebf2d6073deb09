// Runs a confirmation: opens the dialog in the click, asks the phone, and gives
// back what the approval was good for.

import { useCallback } from 'react'
import type { Confirmation } from '../../shared/types'
import { useDialogs } from '../ui/dialogs'
import type { Key } from '../i18n'
import { Ask, type Question } from './ask'
import { browserDeps } from './browser'
import { ConfirmDialog } from './ConfirmDialog'

export type Outcome<T> = { kind: 'done'; value: T } | { kind: 'no_device' }

/** `after` says what will happen; `consume` makes the one call that the approval is for. Resolves null when the dialog was left. */
export type Confirm = <T>(question: Question, after: Key, consume: (confirmation: Confirmation) => Promise<T>) => Promise<Outcome<T> | null>

export function useConfirm(): Confirm {
  const dialogs = useDialogs()
  return useCallback(async <T,>(question: Question, after: Key, consume: (confirmation: Confirmation) => Promise<T>) => {
    let finish: (outcome: Outcome<T>) => void = () => undefined
    const ask = new Ask<T>(browserDeps(), question, consume, (value) => finish({ kind: 'done', value }))
    const outcome = dialogs.open<Outcome<T>>((close) => {
      finish = close
      return <ConfirmDialog ask={ask} after={after} leave={() => close(null)} pair={() => close({ kind: 'no_device' })} />
    })
    void ask.start()
    const result = await outcome
    if (result) ask.close()
    else ask.cancel()
    return result
  }, [dialogs])
}
