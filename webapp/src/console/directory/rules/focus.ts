// Where the focus goes when the button that had it is taken away with a preview.

import { useEffect, useRef, type RefObject } from 'react'

/** The element that takes the focus over, where it would be lost once `shown` ends. */
export function useFocusKept(shown: boolean): RefObject<HTMLButtonElement | null> {
  const heir = useRef<HTMLButtonElement>(null)
  const before = useRef(shown)
  useEffect(() => {
    if (before.current && !shown && document.activeElement === document.body) heir.current?.focus({ preventScroll: true })
    before.current = shown
  }, [shown])
  return heir
}
