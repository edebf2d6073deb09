// The pairing link as a picture: one path, dark on a light tile with its quiet
// zone in every theme, because cameras read it so. Loaded when it is shown.

import { encode } from 'uqr'

const quietZone = 4

export default function Qr({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { ecc: 'M', border: quietZone })
  let path = ''
  data.forEach((row, y) => row.forEach((dark, x) => { if (dark) path += `M${x} ${y}h1v1h-1z` }))
  return (
    <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shapeRendering="crispEdges" className="qr block h-auto w-full rounded-lg">
      <rect width={size} height={size} fill="#ffffff" />
      <path d={path} fill="#0b1220" />
    </svg>
  )
}
