import { useId, type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes } from 'react'
import { Icon } from './icons'

const control = 'w-full min-h-10 max-cards:min-h-11 rounded-lg border border-edge bg-surface px-3 py-1.5 text-ink placeholder:text-muted aria-invalid:border-bad'

/** After a submit that found mistakes: to the first of them, once it is marked. */
export function toFirstMistake(form: EventTarget): void {
  setTimeout(() => { if (form instanceof HTMLElement) form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus() })
}

interface Common { label: string; hint?: ReactNode; error?: string | null }

function Frame({ id, label, hint, error, children }: Common & { id: string; children: ReactNode }) {
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{label}</label>
      {children}
      {hint && <p id={`${id}-hint`} className="mt-1.5 text-sm text-muted">{hint}</p>}
      {error && <p id={`${id}-error`} className="mt-1.5 flex items-start gap-1.5 text-sm text-bad"><Icon name="warn" className="mt-0.5 size-4" />{error}</p>}
    </div>
  )
}

function described(id: string, { hint, error }: Common): string | undefined {
  return [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ') || undefined
}

export function Field({ label, hint, error, className = '', ...input }: Common & InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> }) {
  const id = useId()
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <input id={id} aria-describedby={described(id, { label, hint, error })} aria-invalid={error ? true : undefined} {...input} className={`${control} ${className}`} />
    </Frame>
  )
}

export function SelectField({ label, hint, error, children, ...select }: Common & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId()
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <select id={id} aria-describedby={described(id, { label, hint, error })} {...select} className={control}>{children}</select>
    </Frame>
  )
}
