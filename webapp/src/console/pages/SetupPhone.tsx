// The last two steps of the set-up: a phone, and recovery codes for the day it is lost.

import { useCallback, useState } from 'react'
import type { Session } from '../../shared/types'
import { errorText } from '../errors'
import { useT } from '../i18n'
import { PairStarter } from '../pairing/PairDialog'
import { PasskeysCard } from '../profile/PasskeysCard'
import { useMakeCodes } from '../recovery/make'
import { Button, textLink } from '../ui/button'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'

export function PhoneStep({ session, paired, skip }: { session: Session; paired: () => void; skip: () => void }) {
  const { t } = useT()
  const [done, setDone] = useState(false)
  const [found, setFound] = useState(false) // a phone is there and being compared: nobody has to be warned of having none
  const finished = useCallback(() => setDone(true), [])
  return (
    <>
      <PairStarter companionUrl={session.companion_url} paired={finished} left={skip} found={setFound} />
      {done && <PasskeysCard />}
      {done && <Button look="primary" className="mt-8 w-full" onClick={paired}>{t('console.setup.next')}</Button>}
      {!done && !found && <Skip note={t('console.setup.skip_note')} skip={skip} />}
    </>
  )
}

export function CodesStep({ finish }: { finish: () => void }) {
  const { t, language } = useT()
  const make = useMakeCodes()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  async function run() {
    setBusy(true)
    setFailure(null)
    try {
      if (await make()) return finish()
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    setBusy(false)
  }
  return (
    <>
      <p>{t('console.codes.text')}</p>
      {failure && <Notice tone="bad" alert className="mt-5">{failure}</Notice>}
      <Button look="primary" busy={busy} className="mt-6 w-full" onClick={() => void run()}>{t('console.codes.make')}</Button>
      <Skip note={t('console.setup.skip_codes')} skip={finish} />
    </>
  )
}

function Skip({ note, skip }: { note: string; skip: () => void }) {
  const { t } = useT()
  return (
    <div className="mt-8 border-t border-line pt-6">
      <p className="flex items-start gap-2 text-sm text-bad"><Icon name="warn" className="mt-0.5 size-4" />{note}</p>
      <button type="button" onClick={skip} className={`mt-2 min-h-6 ${textLink}`}>{t('console.setup.skip')}</button>
    </div>
  )
}
