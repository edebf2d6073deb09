// The secret of a set-password, recovery or auditor's link. It stands in the address only until
// this module has run: before the router, before the first paint.

let secret = take()

function take(): string {
  if (!/^\/w\/[^/]+\/(set-password|recover|auditor)\/?$/.test(location.pathname) || location.hash.length < 2) return ''
  const found = decodeURIComponent(location.hash.slice(1))
  history.replaceState(history.state, '', location.pathname + location.search)
  return found
}

/** The secret of the link this page was opened with; "" when there was none. */
export function linkSecret(): string {
  return secret
}

/** Takes over a second link that was put into the same tab. */
export function takeAgain(): string {
  secret = take() || secret
  return secret
}
