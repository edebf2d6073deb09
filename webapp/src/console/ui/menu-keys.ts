/** Which entry a key goes to, from entry `at` (-1: none); null when the key is none of the menu's. */
export function nextItem(key: string, names: readonly string[], at: number): number | null {
  const count = names.length
  if (count === 0) return null
  switch (key) {
    case 'ArrowDown': return (at + 1) % count
    case 'ArrowUp': return at <= 0 ? count - 1 : at - 1
    case 'Home': return 0
    case 'End': return count - 1
  }
  if (key.length !== 1 || key === ' ') return null
  const letter = key.toLocaleLowerCase()
  for (let step = 1; step <= count; step++) {
    const i = (at + step) % count
    if (names[i]?.trim().toLocaleLowerCase().startsWith(letter)) return i
  }
  return null
}
