// How long the provisioning log is kept.

import { useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { errorText } from '../../errors'
import { useT } from '../../i18n'
import { keyOf, useSession } from '../../session'
import { Button } from '../../ui/button'
import { Field } from '../../ui/field'
import { Modal, ModalActions } from '../../ui/modal'
import { directoryApi } from '../api'

export function KeepDialog({ days, close }: { days: number; close: (done: true | null) => void }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const [value, setValue] = useState(String(days))
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const wanted = Number(value)
  async function save(event: FormEvent) {
    event.preventDefault()
    if (!Number.isInteger(wanted) || wanted < 30 || wanted > 730) return setError(t('console.log.keep_bad'))
    setBusy(true)
    try {
      await directoryApi.keep(wanted)
      await queries.invalidateQueries({ queryKey: keyOf(session, 'log') })
      close(true)
    } catch (failure) {
      setBusy(false)
      setError(errorText(t, language, failure))
    }
  }
  return (
    <Modal title={t('console.log.keep_title')} onCancel={() => close(null)}>
      <form onSubmit={(event) => void save(event)} noValidate className="mt-5 max-cards:flex max-cards:flex-1 max-cards:flex-col">
        <Field label={t('console.log.keep_days')} hint={t('console.log.keep_hint')} error={error} inputMode="numeric" value={value} onChange={(event) => { setValue(event.target.value); setError(null) }} />
        <ModalActions>
          <Button type="submit" look="primary" busy={busy}>{t('common.save')}</Button>
          <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}
