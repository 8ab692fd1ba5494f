/** Make the shop's colour readable: words on it, and itself as words on white, reach 4.5 : 1. */

type Rgb = [number, number, number]

const READABLE = 4.5
const WHITE: Rgb = [255, 255, 255]
const INK: Rgb = [22, 24, 29]

/** Let the browser read any CSS colour; no colour at all gives null. */
function parseColor(text: string): Rgb | null {
  const context = document.createElement('canvas').getContext('2d')
  if (!context || !CSS.supports('color', text)) return null
  context.fillStyle = text
  context.fillRect(0, 0, 1, 1)
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data
  return [red, green, blue]
}

function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((value) => {
    const share = value / 255
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as Rgb
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: Rgb, other: Rgb): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function darken(color: Rgb): Rgb {
  return color.map((value) => Math.floor(value * 0.92)) as Rgb
}

const css = (color: Rgb) => `rgb(${color.join(' ')})`

/** Return the custom properties of the widget for one colour. */
export function colorProperties(text: string, fallback: string): Record<string, string> {
  const accent = parseColor(text) ?? parseColor(fallback) ?? ([31, 111, 92] as Rgb)
  const onAccent = contrast(accent, WHITE) >= READABLE ? WHITE : INK
  // A colour in the middle satisfies neither white nor ink: darken it until white does.
  let solid = accent
  while (contrast(solid, onAccent) < READABLE) solid = darken(solid)
  let word = accent
  while (contrast(word, [244, 244, 241]) < READABLE + 0.4) word = darken(word)
  return { '--pl-accent': css(solid), '--pl-on-accent': css(onAccent), '--pl-word': css(word) }
}
