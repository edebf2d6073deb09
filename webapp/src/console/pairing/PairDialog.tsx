// The dialog "Pair your phone".

import { useCallback, useEffect, useRef, useState } from 'react'
import { ApiError } from '../../shared/api'
import type { PairingStart } from '../../shared/types'
import { errorText } from '../errors'
import { useT } from '../i18n'
import { Button } from '../ui/button'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Skeleton } from '../ui/parts'
import { useStartPairing } from './flow'
import { PairPanel } from './PairPanel'

interface Props {
  companionUrl: string
  /** True once a phone was paired. */
  close: (paired: true | null) => void
}

export function PairDialog({ companionUrl, close }: Props) {
  const { t } = useT()
  const [done, setDone] = useState(false)
  const paired = useCallback(() => setDone(true), [])
  return (
    <Modal title={t('console.pair.action')} onCancel={() => close(done || null)} wide>
      <PairStarter companionUrl={companionUrl} paired={paired} left={() => close(null)} />
      <ModalActions>
        <Button look={done ? 'primary' : 'secondary'} onClick={() => close(done || null)}>{t(done ? 'common.done' : 'common.cancel')}</Button>
      </ModalActions>
    </Modal>
  )
}

interface StarterProps {
  companionUrl: string
  paired: (device: string) => void
  /** The person gave up before there was a code. */
  left: () => void
  /** Whether a phone has answered the code and is being compared. */
  found?: (there: boolean) => void
}

/** Starts a pairing when it appears, and again for a new code. */
export function PairStarter({ companionUrl, paired, left, found }: StarterProps) {
  const { t, language } = useT()
  const begin = useStartPairing()
  const [start, setStart] = useState<PairingStart | null>(null)
  const [error, setError] = useState<unknown>(null)
  const busy = useRef(false)
  const run = async () => {
    if (busy.current) return
    busy.current = true
    setError(null)
    setStart(null)
    try {
      const next = await begin()
      if (next) setStart(next)
      else left()
    } catch (failure) {
      setError(failure)
    } finally {
      busy.current = false
    }
  }
  // Once, also where effects run twice: a second call would end the first code.
  useEffect(() => { void run() }, [])
  if (error !== null) {
    const full = error instanceof ApiError && error.code === 'too_many_devices' // trying again would not help
    return (
      <div className="mt-6">
        <Notice tone="bad" alert>{errorText(t, language, error)}</Notice>
        {!full && <Button look="primary" className="mt-4" onClick={() => void run()}>{t('common.tryAgain')}</Button>}
      </div>
    )
  }
  if (!start) return <Skeleton lines={6} className="mt-6" />
  return <PairPanel start={start} companionUrl={companionUrl} renew={() => void run()} paired={paired} found={found} />
}
