// The browser's half of WebAuthn, in the JSON forms that the service speaks (WebAuthn Level 3 §5.1).

import type { Ceremony } from '../shared/types'

/** Whether this browser can use passkeys with JSON options. */
export function passkeysHere(): boolean {
  return typeof PublicKeyCredential === 'function' && typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function'
}

/** The person left the browser's own dialog, or it took too long. */
export class PasskeyLeft extends Error {}

export async function makePasskey({ options }: Ceremony): Promise<unknown> {
  return asked(() => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options as unknown as PublicKeyCredentialCreationOptionsJSON) }))
}

export async function usePasskey({ options }: Ceremony): Promise<unknown> {
  return asked(() => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options as unknown as PublicKeyCredentialRequestOptionsJSON) }))
}

async function asked(ask: () => Promise<Credential | null>): Promise<unknown> {
  try {
    const credential = await ask()
    if (credential instanceof PublicKeyCredential) return credential.toJSON()
  } catch (error) {
    if (!(error instanceof DOMException) || error.name === 'InvalidStateError') throw error
  }
  throw new PasskeyLeft()
}
