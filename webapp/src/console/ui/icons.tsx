// The few pictures of the console: 20 × 20, drawn with the text's colour, never alone.

import type { ReactNode } from 'react'

const paths = {
  members: <><circle cx="7.5" cy="7" r="2.75" /><path d="M2.5 16c.4-2.6 2.3-4 5-4s4.6 1.4 5 4" /><path d="M13 4.6a2.6 2.6 0 0 1 0 4.9M14.7 12.3c1.6.5 2.6 1.8 2.8 3.7" /></>,
  teams: <><rect x="3" y="3.5" width="5.5" height="5.5" rx="1.5" /><rect x="11.5" y="3.5" width="5.5" height="5.5" rx="1.5" /><rect x="7.25" y="11.5" width="5.5" height="5.5" rx="1.5" /></>,
  settings: <><path d="M3 6h6M13 6h4M3 14h3M10 14h7" /><circle cx="11" cy="6" r="2" /><circle cx="8" cy="14" r="2" /></>,
  check: <path d="m4.5 10.5 3.5 3.5 7.5-8" />,
  tick: <><circle cx="10" cy="10" r="7.5" /><path d="m6.75 10.25 2.25 2.25 4.25-4.75" /></>,
  clock: <><circle cx="10" cy="10" r="7.5" /><path d="M10 5.8V10l2.8 1.9" /></>,
  warn: <><path d="M10 3 2.3 16.5h15.4z" /><path d="M10 8v4M10 14.2v.1" /></>,
  stop: <><circle cx="10" cy="10" r="7.5" /><path d="m7.3 7.3 5.4 5.4M12.7 7.3l-5.4 5.4" /></>,
  info: <><circle cx="10" cy="10" r="7.5" /><path d="M10 9.2v4.3M10 6.5v.1" /></>,
  phone: <><rect x="5.5" y="2.5" width="9" height="15" rx="2" /><path d="M9 14.8h2" /></>,
  copy: <><rect x="7" y="7" width="9.5" height="9.5" rx="2" /><path d="M13 7V5a1.5 1.5 0 0 0-1.5-1.5H5A1.5 1.5 0 0 0 3.5 5v6.5A1.5 1.5 0 0 0 5 13h2" /></>,
  key: <><circle cx="6.8" cy="13.2" r="3.3" /><path d="m9.2 10.8 7-7M13.5 6.5l2.2 2.2M11.5 8.5l1.5 1.5" /></>,
  menu: <path d="M3 5.5h14M3 10h14M3 14.5h14" />,
  close: <path d="m5 5 10 10M15 5 5 15" />,
  more: <><circle cx="4.5" cy="10" r=".9" /><circle cx="10" cy="10" r=".9" /><circle cx="15.5" cy="10" r=".9" /></>,
  up: <path d="m5 12 5-5 5 5" />,
  spinner: <path d="M10 2.5a7.5 7.5 0 1 1-7.5 7.5" />,
  empty: <><rect x="3" y="4" width="14" height="12" rx="2" /><path d="M3 8h14M6.5 11.5h4" /></>,
  search: <><circle cx="9" cy="9" r="5.25" /><path d="m13 13 4 4" /></>,
  eye: <><path d="M1.8 10S4.8 4.8 10 4.8 18.2 10 18.2 10 15.2 15.2 10 15.2 1.8 10 1.8 10z" /><circle cx="10" cy="10" r="2.4" /></>,
  eyeOff: <><path d="M1.8 10S4.8 4.8 10 4.8 18.2 10 18.2 10 15.2 15.2 10 15.2 1.8 10 1.8 10z" /><path d="M4 16 16 4" /></>,
  off: <><circle cx="10" cy="10" r="7.5" /><path d="M4.8 4.8 15.2 15.2" /></>,
  lock: <><rect x="4.5" y="9" width="11" height="8" rx="2" /><path d="M7 9V6.5a3 3 0 0 1 6 0V9" /></>,
} satisfies Record<string, ReactNode>

export type IconName = keyof typeof paths

export function Icon({ name, className = 'size-5' }: { name: IconName; className?: string }) {
  return (
    <svg viewBox="0 0 20 20" className={`${className} shrink-0`} fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      {paths[name]}
    </svg>
  )
}

/** The product's mark: a tick above a signature line. */
export function Mark({ className = 'size-8' }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={`${className} shrink-0`} aria-hidden="true">
      <rect width="32" height="32" rx="8" className="fill-accent-fill" />
      <path d="M9 14.5l4.6 4.6L23 9.5" fill="none" stroke="#fff" strokeWidth="3" strokeLinecap="round" strokeLinejoin="round" />
      <path d="M9 24h14" fill="none" stroke="#fff" strokeOpacity=".65" strokeWidth="2.4" strokeLinecap="round" />
    </svg>
  )
}
