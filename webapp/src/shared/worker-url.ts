// The address of a service worker, in the form that a page with Trusted Types takes.

interface TrustedTypes { createPolicy(name: string, rules: { createScriptURL(s: string): string }): { createScriptURL(s: string): string } }
const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy('sw', { createScriptURL: (s) => s })

/** workerUrl is for addresses that stand in our own source alone. */
export const workerUrl = (path: string): string => policy?.createScriptURL(path) ?? path
