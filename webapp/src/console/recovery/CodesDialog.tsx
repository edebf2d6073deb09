// The ten recovery codes, shown this once. Esc does not lose them: the dialog ends when one of them was typed.

import { useRef, useState, type FormEvent } from 'react'
import { useT } from '../i18n'
import { Button } from '../ui/button'
import { Copied, useCopy } from '../ui/copy'
import { Field } from '../ui/field'
import { Icon } from '../ui/icons'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { asText, isOneOf } from './codes'

/** `whose` stands on what is kept; dialogs have no session above them. */
export function CodesDialog({ codes, whose, close }: { codes: string[]; whose: string; close: () => void }) {
  const { t } = useT()
  const [typed, setTyped] = useState('')
  const [wrong, setWrong] = useState(false)
  const list = useRef<HTMLOListElement>(null)
  const field = useRef<HTMLInputElement>(null)
  const { copy, copied, failed, failure } = useCopy(t('console.codes.copied'))
  const text = asText(t('console.codes.title'), whose, codes)
  function check() {
    if (isOneOf(codes, typed)) return close()
    setWrong(true)
    field.current?.focus()
  }
  function finish(event: FormEvent) {
    event.preventDefault()
    check()
  }
  function select() {
    if (list.current) getSelection()?.selectAllChildren(list.current)
  }
  return (
    <Modal title={t('console.codes.title')} onCancel={check} wide>
      <p className="mt-3 text-muted">{t('console.codes.text')}</p>
      <ol ref={list} translate="no" className="mt-5 grid gap-x-8 gap-y-2 rounded-xl border border-line bg-sunken p-5 font-mono text-lg cards:grid-cols-2">
        {codes.map((code) => <li key={code} className="text-center [overflow-wrap:anywhere]">{code}</li>)}
      </ol>
      <div className="mt-4 flex flex-wrap items-center gap-3">
        <Button onClick={(event) => void copy(codes.join('\n'), event.currentTarget, select)}><Icon name="copy" className="size-4" />{t('common.copy')}</Button>
        <Button onClick={() => download(text)}>{t('console.codes.download')}</Button>
        <Button onClick={() => printed(text)}>{t('console.codes.print')}</Button>
        <Copied shown={copied} />
      </div>
      {failed && <Notice tone="warn" alert className="mt-3">{failure}</Notice>}
      <form onSubmit={finish} noValidate className="mt-6">
        <Field
          ref={field} label={t('console.codes.type')} hint={t('console.codes.type_hint')} error={wrong ? t('console.codes.type_wrong') : null} className="font-mono"
          autoComplete="off" autoCapitalize="characters" spellCheck={false} value={typed} onChange={(event) => { setTyped(event.target.value); setWrong(false) }}
        />
        <ModalActions>
          <Button look="primary" type="submit">{t('console.codes.finish')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}

function download(text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = url
  link.download = 'recovery-codes.txt'
  link.click()
  setTimeout(() => URL.revokeObjectURL(url))
}

/** Prints the codes alone, from a frame that is gone afterwards. */
function printed(text: string): void {
  const frame = document.createElement('iframe')
  frame.hidden = true
  document.body.append(frame)
  const page = frame.contentDocument
  if (!page || !frame.contentWindow) return frame.remove()
  const sheet = page.createElement('pre')
  sheet.textContent = text
  page.body.append(sheet)
  frame.contentWindow.addEventListener('afterprint', () => frame.remove())
  frame.contentWindow.print()
}
