// The sentence with which the server says what is asked for is English and signed. Here it is said in the language of the person: as a whole, in
// the forms that its action has and in no others. Names and whatever else people wrote is taken as it stands. What fits no form stays English.
import { has, language, sourceOf, spanned, t, type Key, type Params } from './i18n'
import en from '../i18n/en-companion.json'

// In braces one of these keys (of "says", or whole ones), in brackets what may be absent. "words" and the placeholders of people, phones, workspaces
// and attributes hold free text; the forms are such that only one reading of it is possible, or none is taken.
const because = '[. {reason}: {open_quote}{reason_security|reason_compliance|reason_audit|reason_idp|words}{close_quote}]'
const rules = ['once', 'two', 'network', 'freeze', 'passkey', 'days'].map((rule) => `[, {policy_${rule}}]`).join('')
const held = '{held_people|held_members|held_roles}'
const forms: Record<string, string[]> = {
  'scim.token.regenerate': [`{exposed}. {all_stop}${because}`,
    `{action.scim.token.regenerate}. {old_stops|old_works}[. {hint}, {replaced}, {stops}]${because}`],
  'scim.token.revoke': ['{revoke}. {it_stops}'],
  'scim.token.end_overlap': ['{overlap_end}: {overlap_old}'],
  'scim.token.extend_overlap': ['{overlap_more}'],
  'scim.token.cancel_regeneration': ['{cancel}: {cancel_new}, {cancel_old}'],
  'scim.token.expiry': ['{never|expires}'],
  'scim.token.addresses': ['{list}: {list_off|list_observe|list_enforce}, {list_networks}'],
  'device.remove': ['{remove}'],
  'person.unlock': ['{unlock}'],
  'policy.change': [`{policy}: {policy_risk|policy_code|policy_tap}, {policy_wait}${rules}`],
  'session.limits': ['{action.session.limits}: {sessions_idle}, {sessions_life}'],
  'directory.removal.allow': [`{action.directory.removal.allow}: ${held}`],
  'directory.removal.keep': [`{action.directory.removal.keep}: ${held}`],
  'directory.mapping': ['{addresses_usual}', '{addresses_from}'],
  'directory.turn_off': ['{off_delete|off_keep}: {count}, {off_teams}: {count}'],
  'ownership.takeover': ['{owner}'],
  'ownership.transfer': ['{give}. {give_accept}'],
  'ownership.accept': ['{become}. {become_from}'],
  'apikey.create': ['{api_key}'],
}

interface Choice { key: Key; at: number; names: string[] } // at is the group of the whole choice, before those of its placeholders
type Piece = string | Choice[] | { at: number; pieces: Piece[] } // the last may be absent
interface Form { greedy: RegExp; lazy: RegExp; pieces: Piece[] }

/** said is the sentence of an action in the person's language; undefined where it is not exactly one of the action's. */
export function said(act: string, sentence: string, person: string): string | undefined {
  if (language() === 'en') return sentence
  const asker = `Approve for ${person}: ` // the name is signed beside the sentence, so nothing is guessed
  if (!sentence.startsWith(asker)) return whole(act, sentence)
  const what = whole(act, sentence.slice(asker.length))
  return what && `${t('says.approve_for', { person })}: ${what}`
}

function whole(act: string, sentence: string): string | undefined {
  const plain = has(`action.${act}`) ? [`{action.${act}}`] : []
  for (const form of [...plain, ...(Object.hasOwn(forms, act) ? forms[act]! : [])].map(compile)) {
    const found = form.greedy.exec(sentence)
    if (!found) continue
    // Two readings: a name holds what stands between names.
    if (form.lazy.exec(sentence)?.some((part, i) => part !== found[i])) return undefined
    const parts = form.pieces.map((piece) => render(piece, found))
    return parts.includes(undefined) ? undefined : parts.join('')
  }
  return undefined
}

/** compile reads a form as it is written above. */
function compile(written: string): Form {
  let groups = 0
  let source = ''
  const read = (text: string): Piece[] => [...text.matchAll(/\{([^}]+)\}|\[([^\]]+)\]|[^{[]+/g)].map(([literal, keys, maybe]) => {
    if (maybe) {
      const at = ++groups
      source += '('
      const pieces = read(maybe)
      source += ')?'
      return { at, pieces }
    }
    if (!keys) {
      source += sourceOf(literal).source
      return literal
    }
    const choices = keys.split('|').map((name, i) => {
      const key = (name.startsWith('action.') ? name : `says.${name}`) as Key
      const of = sourceOf((en as Record<string, string>)[`companion.${key}`]!)
      const at = ++groups
      groups += of.names.length
      source += `${i === 0 ? '(?:' : '|'}(${of.source})`
      return { key, at, names: of.names }
    })
    source += ')'
    return choices
  })
  const pieces = read(written)
  return { greedy: new RegExp(`^${source}$`), lazy: new RegExp(`^${source.replaceAll('(.+)', '(.+?)')}$`), pieces }
}

function render(piece: Piece, found: RegExpExecArray): string | undefined {
  if (typeof piece === 'string') return piece
  if (!Array.isArray(piece)) {
    if (found[piece.at] === undefined) return ''
    const parts = piece.pieces.map((p) => render(p, found))
    return parts.includes(undefined) ? undefined : parts.join('')
  }
  const chosen = piece.find((choice) => found[choice.at] !== undefined)
  if (!chosen) return undefined
  const params: Params = {}
  for (const [i, name] of chosen.names.entries()) {
    const value = found[chosen.at + 1 + i]!
    const words = name === 'span' ? spanned(value) : name === 'scopes' ? scopes(value) : value
    if (words === undefined) return undefined
    params[name] = words
  }
  return t(chosen.key, params)
}

/** scopes says what an API key may do; undefined where one of it is not known. */
function scopes(english: string): string | undefined {
  const known = new Map(Object.entries(en).filter(([name]) => name.startsWith('companion.says.scope_')).map(([name, words]) => [words, name.replace('companion.', '') as Key]))
  const all = english.split('; ').map((scope) => known.get(scope))
  return all.includes(undefined) ? undefined : all.map((key) => t(key!)).join('; ')
}
