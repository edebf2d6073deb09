// M2: the camera. It is asked for after the tap that led here; the typed code is always one tap away.
import type { App } from '../app'
import { button, h, icon } from '../dom'
import { t, type Key } from '../i18n'
import { heading, type Screen } from '../shell'
import { pairLink, type PairLink } from '../wire/code'

type Reader = (video: HTMLVideoElement) => Promise<string | undefined>
interface Detector { detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]> }
interface DetectorKind { new (options: { formats: string[] }): Detector; getSupportedFormats(): Promise<string[]> }

export function scan(app: App): Screen {
  const stop = new AbortController()
  const video = h('video', { class: 'camera', playsinline: true, muted: true, 'aria-label': t('scan.view') })
  video.muted = true // the attribute alone is only a default
  const frame = h('div', { class: 'viewfinder' }, video)
  const line = h('p', { class: 'hint', role: 'status' }, t('scan.starting'))
  const found = (link: PairLink) => { app.invitation = link; app.go('pair/name', true) }
  look(video, stop.signal, (words) => { line.textContent = words }).then((link) => { if (link) found(link) }, (e: unknown) => {
    frame.replaceChildren(h('div', { class: 'refused' }, icon('warn'), h('p', { role: 'alert' }, why(e))))
    line.textContent = ''
  })
  const body = h('div', { class: 'page' },
    heading(t('scan.title')),
    h('p', { class: 'lead' }, t('scan.how')),
    frame, line,
    h('div', { class: 'actions' }, button(t('pair.type'), () => app.go('pair/code', true))),
  )
  return { title: t('scan.title'), body, leave: () => stop.abort(), back: () => app.go('pair', true) }
}

function why(e: unknown): string {
  const name = e instanceof Error ? e.name : ''
  const known: Record<string, Key> = { NotAllowedError: 'scan.refused', SecurityError: 'scan.refused', NotFoundError: 'scan.none', OverconstrainedError: 'scan.none', NotReadableError: 'scan.busy' }
  return t(known[name] ?? 'scan.failed')
}

/** look reads the picture until a pairing link is in it. */
async function look(video: HTMLVideoElement, signal: AbortSignal, say: (words: string) => void): Promise<PairLink | undefined> {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException('', 'NotFoundError')
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 1280 } }, audio: false })
  const off = () => stream.getTracks().forEach((track) => track.stop())
  if (signal.aborted) { off(); return undefined }
  signal.addEventListener('abort', off, { once: true })
  video.srcObject = stream
  await video.play()
  const read = await reader()
  say(t('scan.looking'))
  while (!signal.aborted) {
    const words = await read(video)
    const link = words === undefined ? null : pairLink(words)
    if (link && sameHost(words!)) { off(); return link }
    if (words !== undefined) say(link ? t('scan.other_host', { host: hostOf(words) }) : t('scan.other'))
    await new Promise((ok) => setTimeout(ok, 150))
  }
  return undefined
}

function hostOf(address: string): string {
  try { return new URL(address).host } catch { return '' }
}

/** sameHost keeps a secret from being offered to a server that did not make it. */
const sameHost = (address: string) => hostOf(address) === location.host

/** reader is the browser's own detector, or a decoder that is loaded only now. */
async function reader(): Promise<Reader> {
  const own = (globalThis as { BarcodeDetector?: DetectorKind }).BarcodeDetector
  if (own && (await own.getSupportedFormats().catch((): string[] => [])).includes('qr_code')) {
    const detector = new own({ formats: ['qr_code'] })
    return async (video) => (await detector.detect(video).catch(() => []))[0]?.rawValue
  }
  const decode = (await import('jsqr')).default
  const canvas = document.createElement('canvas')
  return async (video) => {
    const scale = Math.min(1, 720 / Math.max(video.videoWidth, video.videoHeight, 1))
    canvas.width = Math.round(video.videoWidth * scale)
    canvas.height = Math.round(video.videoHeight * scale)
    const picture = canvas.getContext('2d', { willReadFrequently: true })
    if (!picture || canvas.width === 0) return undefined
    picture.drawImage(video, 0, 0, canvas.width, canvas.height)
    const { data, width, height } = picture.getImageData(0, 0, canvas.width, canvas.height)
    return decode(data, width, height, { inversionAttempts: 'dontInvert' })?.data
  }
}
