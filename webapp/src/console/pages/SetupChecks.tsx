// The self-tests of the first run: https, push, the live connection. None of them keeps anybody from going on.

import { getRouteApi } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import type { Setup } from '../../shared/types'
import { useT, type Key } from '../i18n'
import { Icon } from '../ui/icons'

type Found = 'testing' | 'good' | 'bad'

const looks = { testing: 'text-muted', good: 'text-good', bad: 'text-warn' } as const
const icons = { testing: 'clock', good: 'tick', bad: 'warn' } as const
const words: Record<Found, Key> = { testing: 'console.setup.testing', good: 'console.setup.passed', bad: 'console.setup.not_passed' }

export function SetupChecks() {
  const { t } = useT()
  const { setup } = getRouteApi('/setup').useLoaderData()
  const live = useLive()
  const secure = window.isSecureContext
  const lives: Record<Found, Key> = { testing: 'console.setup.live_testing', good: 'console.setup.live', bad: 'console.setup.live_blocked' }
  return (
    <section aria-label={t('console.setup.checks')} className="rounded-lg border border-line p-4">
      <h2 className="mb-2 text-sm font-medium">{t('console.setup.checks')}</h2>
      <div role="status" aria-atomic="false"><ul className="space-y-2 text-sm">
        <Check found={secure ? 'good' : 'bad'} text={!secure ? 'console.setup.http' : location.protocol === 'https:' ? 'console.setup.https' : 'console.setup.here'} />
        {setup.push && <Check found={setup.push.ok ? 'good' : 'bad'} text={pushKey(setup.push)} />}
        <Check found={live} text={lives[live]} />
      </ul></div>
    </section>
  )
}

function Check({ found, text }: { found: Found; text: Key }) {
  const { t } = useT()
  return (
    <li className="flex items-start gap-2.5">
      <Icon name={icons[found]} className={`mt-0.5 size-4.5 ${looks[found]}`} />
      <span className="min-w-0 [overflow-wrap:anywhere]"><span className="sr-only">{t(words[found])}: </span>{t(text)}</span>
    </li>
  )
}

function pushKey({ ok, code }: NonNullable<Setup['push']>): Key {
  if (ok) return 'console.setup.push'
  return code === 'vapid_subject' ? 'console.setup.push_subject' : 'console.setup.push_key'
}

const patienceMs = 20_000

/** Whether a websocket gets through: the service sends one frame. */
function useLive(): Found {
  const [found, setFound] = useState<Found>('testing')
  useEffect(() => {
    const address = new URL('/v1/setup/ws', location.href)
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(address, 'countersign.v1')
    const giveUp = () => setFound((before) => (before === 'testing' ? 'bad' : before))
    const timer = setTimeout(giveUp, patienceMs)
    socket.onmessage = () => setFound('good') // also when it comes late
    socket.onclose = giveUp
    return () => {
      clearTimeout(timer)
      socket.onmessage = socket.onclose = null
      socket.close()
    }
  }, [])
  return found
}
