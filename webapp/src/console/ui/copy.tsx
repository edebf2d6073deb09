// A value with its Copy button (screens.md §0.8).

import { useEffect, useId, useRef, useState } from 'react'
import { useT, type Key } from '../i18n'
import { copyText, copyShortcut } from '../clipboard'
import { useAnnounce } from './announce'
import { Button } from './button'
import { Icon } from './icons'
import { Notice } from './notice'

type Words = { key: Key; press: Key }
const ofText: Words = { key: 'console.copy_failed', press: 'console.copy_failed_press' }
const ofToken: Words = { key: 'console.copy_failed_token', press: 'console.copy_failed_token_press' }

/** Copying and what to say about it. `copied` is true for three seconds, `failed` until the next try. */
export function useCopy(spoken: string, what: 'text' | 'token' = 'text') {
  const announce = useAnnounce()
  const { t } = useT()
  const [state, setState] = useState<'idle' | 'copied' | 'failed'>('idle')
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const shortcut = copyShortcut()
  const words = what === 'token' ? ofToken : ofText
  async function copy(text: string, near: Element, select: () => void): Promise<boolean> {
    clearTimeout(timer.current)
    const ok = await copyText(text, near)
    if (!ok) select()
    setState(ok ? 'copied' : 'failed')
    if (ok) {
      announce(spoken)
      timer.current = setTimeout(() => setState('idle'), 3000)
    }
    return ok
  }
  return { copy, copied: state === 'copied', failed: state === 'failed', failure: t(shortcut === 'press' ? words.press : words.key, { shortcut }) }
}

export function Copied({ shown }: { shown: boolean }) {
  const { t } = useT()
  return (
    <span aria-hidden={!shown} className={`inline-flex items-center gap-1 text-sm font-medium text-good ${shown ? '' : 'invisible'}`}>
      <Icon name="check" className="size-4" />{shown ? t('common.copied') : ''}
    </span>
  )
}

/** A read-only value in a frame; its label also tells several Copy buttons apart. */
export function CopyField({ label, value }: { label: string; value: string }) {
  const { t } = useT()
  const id = useId()
  const box = useRef<HTMLTextAreaElement>(null)
  const { copy, copied, failed, failure } = useCopy(t('console.copied_spoken', { what: label }))
  return (
    <div>
      <div className="mb-1.5 flex min-h-5 items-center justify-between gap-3">
        <label htmlFor={id} className="text-sm font-medium">{label}</label>
        <Copied shown={copied} />
      </div>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <textarea
          ref={box} id={id} readOnly rows={1} value={value} translate="no" spellCheck={false}
          className="field-sizing-content min-h-10 min-w-0 flex-1 basis-48 resize-none rounded-lg border border-line bg-sunken px-3 py-2 font-mono text-sm [overflow-wrap:anywhere] [word-break:break-all]"
        />
        <Button aria-label={t('console.copy_named', { what: label })} onClick={(event) => void copy(value, event.currentTarget, () => box.current?.select())}>
          <Icon name="copy" className="size-4" />{t('common.copy')}
        </Button>
      </div>
      {failed && <Notice tone="warn" alert className="mt-3">{failure}</Notice>}
    </div>
  )
}
