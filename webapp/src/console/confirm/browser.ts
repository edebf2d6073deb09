// The browser's side of asking: sockets, timers, the network's state, the calls.

import { api } from '../api'
import { usePasskey } from '../passkey'
import type { AskDeps } from './ask'
import type { SocketLike } from './channel'

const subprotocol = 'countersign.v1'

export function browserDeps(): AskDeps {
  return {
    api: {
      create: api.ask,
      get: api.confirmation,
      cancel: api.cancelConfirmation,
      resend: api.resendConfirmation,
      passkey: async (id) => {
        const ceremony = await api.passkeyConfirmOptions(id)
        return api.passkeyConfirm(id, { ceremony: ceremony.ceremony, response: await usePasskey(ceremony) })
      },
    },
    channel: {
      socket: (id) => {
        const address = new URL(`/v1/confirmations/${encodeURIComponent(id)}/ws`, location.href)
        address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
        return new WebSocket(address, subprotocol) as unknown as SocketLike // its handlers get more than the channel looks at
      },
      poll: api.awaitConfirmation,
      timers: { set: (run, ms) => setTimeout(run, ms), clear: (timer) => clearTimeout(timer as number | undefined) },
      now: () => Date.now(),
      random: () => Math.random(),
      online: () => navigator.onLine,
      onOnline: (changed) => {
        const on = () => changed(true)
        const off = () => changed(false)
        window.addEventListener('online', on)
        window.addEventListener('offline', off)
        return () => {
          window.removeEventListener('online', on)
          window.removeEventListener('offline', off)
        }
      },
    },
  }
}
