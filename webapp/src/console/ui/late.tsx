// Dialogs whose code is loaded when it is first needed.

import { useRef, type ReactNode } from 'react'
import { NetworkError } from '../../shared/api'
import { errorText } from '../errors'
import { useT } from '../i18n'
import { Button } from './button'
import { useDialogs } from './dialogs'
import { Modal, ModalActions } from './modal'
import { Notice } from './notice'

type Render<Part, T> = (part: Part, close: (value: T | null) => void) => ReactNode

/** Opens a dialog as soon as its code is there, once however often it is asked for meanwhile. Null where it was left, or could not be loaded: that is said, and the page stays as it is. */
export function useLateDialog<Part>(load: () => Promise<Part>) {
  const dialogs = useDialogs()
  const loading = useRef(false)
  return async <T,>(render: Render<Part, T>): Promise<T | null> => {
    if (loading.current) return null
    loading.current = true
    const page = location.pathname
    const loaded = await load().then((part) => ({ part }), (error: unknown) => ({ error: navigator.onLine ? error : new NetworkError() }))
    loading.current = false
    if (location.pathname !== page) return null
    if ('part' in loaded) return dialogs.open<T>((close) => render(loaded.part, close))
    await dialogs.open<never>((close) => <Missing error={loaded.error} close={() => close(null)} />)
    return null
  }
}

function Missing({ error, close }: { error: unknown; close: () => void }) {
  const { t, language } = useT()
  return (
    <Modal title={t('console.load_failed')} onCancel={close}>
      <Notice tone="bad" alert className="mt-5">{errorText(t, language, error)}</Notice>
      <ModalActions><Button onClick={close}>{t('common.close')}</Button></ModalActions>
    </Modal>
  )
}
