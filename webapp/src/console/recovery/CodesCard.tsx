// How many recovery codes are left, and making new ones.

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api'
import { errorText } from '../errors'
import { useT } from '../i18n'
import { keyOf, useSession } from '../session'
import { Button, ButtonLink } from '../ui/button'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'
import { Card, LoadError, Rich, Skeleton, Time } from '../ui/parts'
import { useMakeCodes } from './make'

/** Few enough that it is time for new ones. */
const few = 3

export function CodesCard({ hasPhone }: { hasPhone: boolean }) {
  const { t, language } = useT()
  const session = useSession()
  const make = useMakeCodes()
  const recovery = useQuery({ queryKey: keyOf(session, 'recovery'), queryFn: () => api.recovery() })
  const [failure, setFailure] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  async function run() {
    setFailure(null)
    setBusy(true)
    try {
      await make()
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    setBusy(false)
  }
  const codes = recovery.data?.codes
  return (
    <section className="mt-10">
      <h2 className="mb-4 text-lg font-semibold">{t('console.codes.title')}</h2>
      <Card className="p-6 max-cards:p-5">
        {recovery.isPending && <Skeleton lines={2} />}
        {recovery.isError && !recovery.data && <LoadError error={recovery.error} retry={() => void recovery.refetch()} />}
        {codes && (
          <div className="flex flex-wrap items-center justify-between gap-4">
            <div className="min-w-0 flex-1 basis-64">
              <p className="font-medium">{codes.total ? t('console.codes.left', { left: codes.left, total: codes.total }) : t('console.codes.none')}</p>
              <p className="mt-1 text-sm text-muted">
                {codes.created_at ? <Rich k="console.codes.made" parts={{ time: <Time at={codes.created_at} /> }} /> : t('console.codes.why')}
              </p>
            </div>
            {hasPhone
              ? <Button busy={busy} onClick={() => void run()}><Icon name="key" className="size-4.5" />{t(codes.total ? 'console.codes.make_new' : 'console.codes.make')}</Button>
              : <p className="text-sm text-muted">{t('console.codes.phone_first')}</p>}
          </div>
        )}
        {codes && codes.total > 0 && codes.left <= few && <Notice tone="warn" className="mt-5">{t('console.codes.few')}</Notice>}
        {failure && <Notice tone="bad" alert className="mt-5">{failure}</Notice>}
      </Card>
      <p className="mt-4"><ButtonLink to="/recovery" look="quiet" className="-ms-3">{t('console.lost.link')}</ButtonLink></p>
    </section>
  )
}
