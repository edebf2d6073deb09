// One way to call the service: JSON in, JSON out, problem+json as an exception.

/** An answer of the service that is not a success (RFC 9457). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** Stable name of the problem, e.g. `rate_limited`; empty when the answer had none (a proxy's page). */
    readonly code: string,
    readonly detail: string,
    readonly fields: Readonly<Record<string, unknown>> = {},
    /** Seconds of the Retry-After header. */
    readonly retryAfter?: number,
    /** What the service calls this answer in its own log; "" where it did not say. */
    readonly requestId: string = '',
  ) {
    super(`${status} ${code}`)
    this.name = 'ApiError'
  }
}

/** No answer arrived: whether the service did what was asked is not known. */
export class NetworkError extends Error {
  constructor() {
    super('no answer')
    this.name = 'NetworkError'
  }
}

export interface CallOptions {
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
  keepalive?: boolean
  /** Whether cookies go along; those of this origin do unless told otherwise. */
  credentials?: RequestCredentials
  /** Milliseconds until the call counts as unanswered; 20 s unless given. */
  timeout?: number
}

/** Sends one call and returns the parsed body; undefined for 204. Throws ApiError, NetworkError, or AbortError when `signal` fired. */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers }
  const init: RequestInit = { method, headers, credentials: options.credentials ?? 'same-origin', cache: 'no-store', redirect: 'error' }
  // Every POST says JSON, also without fields: the service asks for it.
  if (method !== 'GET' && method !== 'HEAD') {
    headers['Content-Type'] = 'application/json'
    init.body = JSON.stringify(options.body ?? {})
  }
  if (options.keepalive) init.keepalive = true
  const late = AbortSignal.timeout(options.timeout ?? 20_000)
  init.signal = options.signal ? AbortSignal.any([options.signal, late]) : late
  let response: Response
  let text: string
  try {
    response = await fetch(path, init)
    text = response.status === 204 ? '' : await response.text()
  } catch {
    if (options.signal?.aborted) throw new DOMException('aborted', 'AbortError')
    throw new NetworkError()
  }
  if (!response.ok) throw problem(response, text)
  if (text === '') return undefined as T
  try {
    return JSON.parse(text) as T
  } catch {
    throw new ApiError(response.status, '', '')
  }
}

function problem(response: Response, text: string): ApiError {
  const fields = parseObject(text)
  const word = (name: string) => (typeof fields[name] === 'string' ? (fields[name] as string) : '')
  return new ApiError(response.status, word('code'), word('detail'), fields, retryAfter(response.headers.get('Retry-After')), response.headers.get('X-Request-Id') ?? '')
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Seconds from a Retry-After header in either of its forms. */
export function retryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (!header) return undefined
  if (/^\d+$/.test(header)) return Number(header)
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000))
}

/** True for the exception of a call that its caller gave up. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
