// Exports: the file is made as the browser downloads it, so nothing of it lies in this page.

import { useState } from 'react'
import { errorText } from '../errors'
import { useT, type Key } from '../i18n'
import { useDialogs } from '../ui/dialogs'
import { Button } from '../ui/button'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Time } from '../ui/parts'
import { activityApi } from './api'
import { narrowed, type ActivitySearch } from './search'
import { formats, type Format } from './types'

export function Exports({ search }: { search: ActivitySearch }) {
  const { t } = useT()
  const dialogs = useDialogs()
  return <Button look="primary" onClick={() => void dialogs.open((close) => <ExportDialog search={search} close={() => close(null)} />)}>{t('console.activity.export')}</Button>
}

const words: Record<Format, { name: Key; what: Key }> = {
  csv: { name: 'console.activity.csv', what: 'console.activity.csv_text' },
  jsonl: { name: 'console.activity.jsonl', what: 'console.activity.jsonl_text' },
  signed: { name: 'console.activity.signed', what: 'console.activity.signed_text' },
}

function ExportDialog({ search, close }: { search: ActivitySearch; close: () => void }) {
  const { t, language } = useT()
  const [busy, setBusy] = useState<Format | null>(null)
  const [error, setError] = useState<string | null>(null)
  const [made, setMade] = useState<{ url: string; expires_at: string } | null>(null)
  async function download(format: Format) {
    setBusy(format)
    setError(null)
    try {
      const file = await activityApi.export(format, search)
      setMade(file)
      follow(file.url)
    } catch (failure) {
      setError(errorText(t, language, failure))
    }
    setBusy(null)
  }
  return (
    <Modal title={t('console.activity.export_title')} wide onCancel={close}>
      <p className="mt-2 text-muted">{t(narrowed(search) ? 'console.activity.export_filtered' : 'console.activity.export_all')}</p>
      <ul className="mt-5 divide-y divide-line border-y border-line">
        {formats.map((format) => (
          <li key={format} className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 py-4">
            <p id={`export-${format}`} className="min-w-0 flex-1 basis-60 text-sm text-muted">{t(words[format].what)}</p>
            <Button busy={busy === format} aria-describedby={`export-${format}`} onClick={() => void download(format)}>{t(words[format].name)}</Button>
          </li>
        ))}
      </ul>
      <div role="status" className="mt-4">
        {made && <Notice tone="good">{t('console.activity.export_made')} <a className="font-medium text-accent underline underline-offset-3" href={made.url} download>{t('console.activity.export_again')}</a> (<Time short at={made.expires_at} />)</Notice>}
      </div>
      {error && <Notice tone="bad" alert className="mt-4">{error}</Notice>}
      <ModalActions><Button onClick={close}>{t('common.close')}</Button></ModalActions>
    </Modal>
  )
}

/** Has the browser download what is at an address of this service. */
function follow(url: string): void {
  const link = document.createElement('a')
  link.href = url
  link.download = ''
  link.click()
}
