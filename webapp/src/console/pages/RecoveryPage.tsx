// "I can't use my phone".

import { useQuery } from '@tanstack/react-query'
import { api } from '../api'
import { useT } from '../i18n'
import { Lost } from '../recovery/Lost'
import { keyOf, useSession } from '../session'
import { useTitle } from '../shell/title'
import { LoadError, PageHead, Skeleton } from '../ui/parts'

/** How often the page looks while a question to a colleague is open. */
const every = 3_000

export function RecoveryPage() {
  const { t } = useT()
  const session = useSession()
  useTitle(t('console.lost.title'))
  const recovery = useQuery({
    queryKey: keyOf(session, 'recovery'), queryFn: () => api.recovery(),
    refetchInterval: (query) => (query.state.data?.request?.state === 'open' ? every : false),
  })
  const devices = useQuery({ queryKey: keyOf(session, 'devices'), queryFn: api.devices })
  const phones = (devices.data?.items ?? []).filter((device) => device.state === 'active')
  return (
    <>
      <PageHead title={t('console.lost.title')} />
      {(recovery.isPending || devices.isPending) && <Skeleton lines={6} />}
      {recovery.isError && !recovery.data && <LoadError error={recovery.error} retry={() => void recovery.refetch()} />}
      {recovery.data && !devices.isPending && <Lost recovery={recovery.data} phones={phones} />}
    </>
  )
}
