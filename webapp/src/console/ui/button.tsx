import { Link, type LinkProps } from '@tanstack/react-router'
import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react'
import { Icon } from './icons'

type Look = 'primary' | 'secondary' | 'quiet' | 'danger'

const base = 'inline-flex min-h-10 max-cards:min-h-11 items-center justify-center gap-2 rounded-lg border py-1.5 text-center font-medium transition-colors duration-100'
const looks: Record<Look, string> = {
  primary: 'px-4 border-transparent bg-accent-fill text-on-accent hover:bg-accent-strong',
  secondary: 'px-4 border-edge bg-transparent text-ink hover:bg-hover',
  // With its border 12 px: what moves it by -m-3 has its word in line with what stands around it.
  quiet: 'px-2.75 border-transparent bg-transparent text-accent hover:bg-hover',
  danger: 'px-4 border-transparent bg-bad-fill text-on-accent hover:brightness-90',
}
const off = 'disabled:opacity-55 aria-disabled:opacity-55'

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look
  /** Shows that the press is being worked on and takes no second one; the name stays. */
  busy?: boolean
  ref?: Ref<HTMLButtonElement>
}

export function Button({ look = 'secondary', busy = false, className = '', children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      aria-busy={busy || undefined}
      aria-disabled={busy || rest['aria-disabled'] || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      className={`${base} ${looks[look]} ${off} ${className}`}
    >
      {busy && <Icon name="spinner" className="spin size-4" />}
      {children}
    </button>
  )
}

export function ButtonLink({ look = 'secondary', className = '', children, ...link }: LinkProps & { look?: Look; className?: string; children: ReactNode }) {
  return <Link {...link} className={`${base} ${looks[look]} ${className}`}>{children}</Link>
}

/** A link that looks like text. */
export const textLink = 'rounded-sm font-medium text-accent underline decoration-accent/40 underline-offset-3 hover:decoration-accent'
