// What a push becomes on the screen. Something is always shown: a push without a notification costs the permission on some phones.
import { fetchChallenge, plain, respond, signAnswer, type Challenge } from '../companion/challenge'
import { told } from '../companion/device'
import { outcome } from '../companion/outcome'
import { accounts, changeAccount, type Account } from '../companion/store'
import { known, say } from './words'

export interface Push { t: string; cid: string; ws: string; exp: number } // exp in Unix seconds, 0 when not told
export interface Notice { title: string; body: string; tag: string; cid?: string; silent?: boolean }

/** pullTime is how long details may take; after that the fixed words are shown. */
const pullTime = 2500

/** read takes what is known out of a push; anything else becomes the unknown kind. */
export function read(data: unknown): Push {
  const d = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>
  const text = (v: unknown) => (typeof v === 'string' ? v : '')
  return { t: text(d['t']), cid: text(d['cid']), ws: text(d['ws']), exp: Number(d['exp']) || 0 }
}

/** asked pulls the request with the key of the phone it is for and says what it is about. */
export async function asked(push: Push): Promise<Notice> {
  const fixed: Notice = { title: say('title'), body: say('fixed'), tag: push.cid, cid: push.cid }
  return (await inTime(pull(push))) ?? fixed
}

async function pull(push: Push): Promise<Notice | undefined> {
  const all = (await accounts()).filter((a) => a.state !== 'removed')
  // The workspace is a hint which account to try first; only the right phone is told anything.
  const order = [...all.filter((a) => a.workspace.id === push.ws), ...all.filter((a) => a.workspace.id !== push.ws)]
  for (const account of order) {
    let challenge: Challenge
    try {
      challenge = await fetchChallenge(account, push.cid, { timeout: pullTime })
    } catch (e) {
      const why = endOf(e)
      if (why) return over(push, why) // the push was held up until its request needed no answer any more
      continue
    }
    if (challenge.act === 'device.activate') return activated(account, challenge)
    return { title: say('title'), body: body(challenge), tag: push.cid, cid: push.cid }
  }
  return undefined
}

const over = (push: Push, why: string): Notice => ({ title: say('title'), body: say(why), tag: push.cid, silent: true })

/** endOf says how a request ended that cannot be fetched any more. */
function endOf(e: unknown): string | undefined {
  const o = outcome(e, Date.now())
  if (o.kind !== 'ended' || o.why === 'gone') return undefined
  return o.why === 'expired' ? 'expired' : o.why === 'cancelled' ? 'cancelled' : 'done'
}

function body(c: Challenge): string {
  const key = `action.${c.act}`
  return say('body', { workspace: c.ctx.workspace, action: known(key) ? say(key) : plain(c.ctx.action) })
}

/** activated answers the first challenge of a phone whose digits were compared: it needs no screen. */
async function activated(account: Account, c: Challenge): Promise<Notice | undefined> {
  if (account.state !== 'claimed') return undefined
  await respond(account, c.cid, await signAnswer(account, c, { dec: 'approve' }))
  await changeAccount(account.id, { state: 'active' })
  return { title: say('paired'), body: say('paired_body', { workspace: c.ctx.workspace }), tag: c.cid, silent: true }
}

/** closed replaces the notice of a request that needs no answer any more, and says why where that can be learnt in time. */
export async function closed(push: Push): Promise<Notice> {
  return over(push, (await inTime(ending(push))) ?? 'done')
}

async function ending(push: Push): Promise<string | undefined> {
  for (const account of await accounts()) {
    if (account.state === 'removed') continue
    const why = await fetchChallenge(account, push.cid, { timeout: pullTime }).then(() => undefined, endOf)
    if (why) return why
  }
  return undefined
}

/** inTime gives up on a lookup that takes too long or fails. */
function inTime<T>(lookup: Promise<T | undefined>): Promise<T | undefined> {
  const late = new Promise<undefined>((ok) => setTimeout(() => ok(undefined), pullTime))
  return Promise.race([lookup.catch(() => undefined), late])
}

/** tooLate is shown for a push that was held up until its request was over. */
export const tooLate = (push: Push): Notice => ({ title: say('title'), body: say('expired'), tag: push.cid, silent: true })

/** trial is what a test shows: it asks nothing. */
export const trial = (): Notice => ({ title: 'Countersign', body: say('test'), tag: 'hello', silent: true })

const newsFor = 24 * 3600_000 // what is older is not what the push was about

/** news says what there is to read, as far as that can be learnt in time; a push without words is shown all the same. */
export async function news(): Promise<Notice> {
  return (await inTime(newest())) ?? unknown()
}

async function newest(): Promise<Notice | undefined> {
  const active = (await accounts()).filter((a) => a.state === 'active')
  const all = (await Promise.all(active.map(async (a) => (await told(a).catch(() => [])).map((n) => ({ ...n, account: a }))))).flat()
  const last = all.filter((n) => known(`news.${n.kind}`) && Date.now() + n.account.offset - Date.parse(n.created_at) < newsFor)
    .sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at))[0]
  return last && { title: 'Countersign', body: say(`news.${last.kind}`, { workspace: last.account.workspace.name }), tag: last.id }
}

export const unknown = (): Notice => ({ title: 'Countersign', body: say('unknown'), tag: 'unknown' })
