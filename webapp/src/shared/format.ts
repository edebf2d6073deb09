// Dates, times, lists and codes as both applications print them.

export type Language = 'en' | 'de'

/** English is printed as in Britain: "3 May 2026", "a, b or c". */
export function locale(language: string): string {
  return language.startsWith('de') ? 'de-DE' : 'en-GB'
}

/** "14:02" */
export function clock(at: Date, language: string): string {
  return new Intl.DateTimeFormat(locale(language), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(at)
}

/** "14:02:11" */
export function clockSeconds(at: Date, language: string): string {
  return new Intl.DateTimeFormat(locale(language), { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(at)
}

/** "3 May 2026" */
export function day(at: Date, language: string): string {
  return new Intl.DateTimeFormat(locale(language), { day: 'numeric', month: 'long', year: 'numeric' }).format(at)
}

/** "3 May 2026, 14:02" */
export function dateTime(at: Date, language: string): string {
  return `${day(at, language)}, ${clock(at, language)}`
}

/** "14:02" for today, "4 May, 14:02" otherwise: for a moment that somebody waits for. */
export function moment(at: Date, now: Date, language: string): string {
  if (at.toDateString() === now.toDateString()) return clock(at, language)
  const date = new Intl.DateTimeFormat(locale(language), { day: 'numeric', month: 'long' }).format(at)
  return `${date}, ${clock(at, language)}`
}

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86400], ['month', 30 * 86400], ['week', 7 * 86400], ['day', 86400], ['hour', 3600], ['minute', 60],
]

/** "2 min ago", "in 3 hr", or "now" within half a minute. */
export function relative(at: Date, now: Date, language: string): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000)
  // "yesterday" reads well, "last mo" does not.
  const say = (value: number, unit: Intl.RelativeTimeFormatUnit) =>
    new Intl.RelativeTimeFormat(locale(language), { style: 'short', numeric: unit === 'day' || unit === 'second' ? 'auto' : 'always' }).format(value, unit)
  if (Math.abs(seconds) < 30) return say(0, 'second')
  for (const [unit, size] of units)
    if (Math.abs(seconds) >= size) return say(Math.trunc(seconds / size), unit)
  return say(Math.sign(seconds), 'minute')
}

/** "2026-05-03 14:02:11 UTC" */
export function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** "a, b or c" / "a, b und c" */
export function list(items: readonly string[], language: string, type: 'conjunction' | 'disjunction' = 'conjunction'): string {
  return new Intl.ListFormat(locale(language), { type }).format(items)
}

/** "4:32" for a number of seconds; never below "0:00". Clocks agree to a few tenths, and "5:01" of five minutes looks like a mistake. */
export function countdown(seconds: number): string {
  const left = Math.max(0, Math.ceil(seconds - 0.4))
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`
}

/** "482 913" */
export function grouped(code: string): string {
  return code.length === 6 ? `${code.slice(0, 3)} ${code.slice(3)}` : code
}

/** "4 8 2, 9 1 3": a code as a screen reader should say it. */
export function spelled(code: string): string {
  return grouped(code).split(' ').map((group) => [...group].join(' ')).join(', ')
}
