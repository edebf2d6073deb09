// Builds elements without markup in strings: nothing that a server or a person wrote can become HTML.

export type Child = Node | string | null | undefined | false
export interface Props { class?: string; on?: Record<string, (e: Event) => void>; [attribute: string]: unknown }

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') for (const [event, heard] of Object.entries(value as Record<string, EventListener>)) el.addEventListener(event, heard)
    else if (value === true) el.setAttribute(name, '')
    else if (value !== false && value !== undefined && value !== null) el.setAttribute(name, String(value))
  }
  el.append(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false))
  return el
}

const svg = 'http://www.w3.org/2000/svg'

// 24 × 24, drawn with lines.
const shapes = {
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  cross: ['M6 6l12 12', 'M18 6L6 18'],
  back: ['M15 5l-7 7 7 7'],
  next: ['M9 5l7 7-7 7'],
  gear: ['M4 7h9', 'M17 7h3', 'M15 5v4', 'M4 17h3', 'M11 17h9', 'M9 15v4', 'M4 12h4', 'M12 12h8', 'M10 10v4'],
  shield: ['M12 3l7 3v5.5c0 4.5-3 7.7-7 9.5-4-1.8-7-5-7-9.5V6z', 'M9 12l2.2 2.2L15.5 10'],
  bell: ['M6 16.5V11a6 6 0 0112 0v5.5l1.5 1.5h-15z', 'M10 20.5a2.2 2.2 0 004 0'],
  warn: ['M12 4l9 16H3z', 'M12 10v4.5', 'M12 17.3v.2'],
  clock: ['M12 3.5a8.5 8.5 0 100 17 8.5 8.5 0 000-17z', 'M12 8v4.5l3 2'],
  offline: ['M4 4l16 16', 'M8.5 13.5a5 5 0 013-1.4', 'M5.5 10.5a9.5 9.5 0 013.3-2.1', 'M12.5 7.5a9.5 9.5 0 016 3', 'M12 17.5v.2'],
  phone: ['M8 3h8a1.5 1.5 0 011.5 1.5v15A1.5 1.5 0 0116 21H8a1.5 1.5 0 01-1.5-1.5v-15A1.5 1.5 0 018 3z', 'M11 18h2'],
  scan: ['M4 8V5a1 1 0 011-1h3', 'M16 4h3a1 1 0 011 1v3', 'M20 16v3a1 1 0 01-1 1h-3', 'M8 20H5a1 1 0 01-1-1v-3', 'M4 12h16'],
  share: ['M12 15V4', 'M8 7.5L12 3.5l4 4', 'M7 11H6a1 1 0 00-1 1v7a1 1 0 001 1h12a1 1 0 001-1v-7a1 1 0 00-1-1h-1'],
  plus: ['M12 8v8', 'M8 12h8', 'M6 4h12a2 2 0 012 2v12a2 2 0 01-2 2H6a2 2 0 01-2-2V6a2 2 0 012-2z'],
} as const
export type Icon = keyof typeof shapes

/** icon is decoration: the word beside it says the same. */
export function icon(name: Icon, extra = ''): SVGSVGElement {
  const el = document.createElementNS(svg, 'svg')
  const attributes = { class: `icon ${extra}`.trim(), viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false', fill: 'none', stroke: 'currentColor', 'stroke-width': '1.8', 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }
  for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, v)
  for (const d of shapes[name]) {
    const path = document.createElementNS(svg, 'path')
    path.setAttribute('d', d)
    el.append(path)
  }
  return el
}

export interface ButtonLook { kind?: 'primary' | 'secondary' | 'quiet' | 'danger'; more?: string; icon?: Icon; id?: string }

/** button has its words first; `more` is said to screen readers only. */
export function button(words: string, tap: () => void, look: ButtonLook = {}): HTMLButtonElement {
  const kind = look.kind ?? 'secondary'
  const tapped = (e: Event) => { if ((e.currentTarget as Element).getAttribute('aria-disabled') !== 'true') tap() }
  return h('button', { type: 'button', class: `button ${kind}`, id: look.id, on: { click: tapped } },
    look.icon && icon(look.icon), h('span', {}, words), look.more && h('span', { class: 'unseen' }, ` ${look.more}`))
}

let nextId = 0
/** freshId names an element for labels. */
export const freshId = (kind: string): string => `${kind}-${++nextId}`

export interface FieldParts { root: HTMLElement; input: HTMLInputElement; fail(message: string): void; clear(): void }

/** field is a labelled input whose hint and error are tied to it. */
export function field(label: string, hint: string, attributes: Props): FieldParts {
  const id = freshId('field')
  const error = h('p', { class: 'field-error', id: `${id}-error`, role: 'alert' })
  const input = h('input', { id, type: 'text', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': `${id}-hint ${id}-error`, ...attributes })
  const root = h('div', { class: 'field' }, h('label', { for: id }, label), input, h('p', { class: 'hint', id: `${id}-hint` }, hint), error)
  return {
    root, input,
    fail(message) {
      input.setAttribute('aria-invalid', 'true')
      error.replaceChildren(icon('warn'), message)
      input.focus()
    },
    clear() {
      input.removeAttribute('aria-invalid')
      error.replaceChildren()
    },
  }
}
