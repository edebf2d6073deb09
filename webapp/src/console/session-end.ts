// The session's end, noticed by whichever call or channel meets it first. What
// shows a secret wipes it, and one dialog asks to sign in again.

type Listener = () => void
const listeners = new Set<Listener>()
let ended = false

export const sessionEnd = {
  /** Told by every 401 and by the live channel. */
  report(): void {
    if (ended) return
    ended = true
    listeners.forEach((listener) => listener())
  },
  /** Signed in again. */
  over(): void {
    if (!ended) return
    ended = false
    listeners.forEach((listener) => listener())
  },
  happened: (): boolean => ended,
  subscribe(listener: Listener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
}
