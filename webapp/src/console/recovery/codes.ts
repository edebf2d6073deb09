// Recovery codes as people handle them.

/** What was typed, as the service reads it: upper case, no blanks or hyphens, I and L as 1, O as 0. */
export function normal(typed: string): string {
  return typed.toUpperCase().replace(/[\s-]/g, '').replace(/[IL]/g, '1').replace(/O/g, '0')
}

/** Whether one of the codes was typed: proof that they were put somewhere. */
export function isOneOf(codes: readonly string[], typed: string): boolean {
  const wanted = normal(typed)
  return wanted !== '' && codes.some((code) => normal(code) === wanted)
}

/** The text file and what is printed: the heading, whose codes they are, one code on each line. */
export function asText(heading: string, whose: string, codes: readonly string[]): string {
  return [heading, whose, '', ...codes, ''].join('\n')
}
