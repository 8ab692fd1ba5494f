/** The button in the corner, with the number of unread messages. Plain DOM: it comes before Vue. */
import { ICONS, type IconName } from '../chat/icons'
import { LAUNCHER_WORDS } from './launcherWords'

const SVG = 'http://www.w3.org/2000/svg'
const MOST = 99
const FAILED_FOR = 6000

function drawIcon(path: SVGPathElement, name: IconName): void {
  path.setAttribute('d', ICONS[name])
}

function buildIcon(): { svg: SVGSVGElement; path: SVGPathElement } {
  const svg = document.createElementNS(SVG, 'svg')
  const path = document.createElementNS(SVG, 'path')
  svg.setAttribute('class', 'pl-icon')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('aria-hidden', 'true')
  svg.append(path)
  return { svg, path }
}

function buildSpan(className: string): HTMLSpanElement {
  const span = document.createElement('span')
  span.className = className
  span.setAttribute('aria-hidden', 'true')
  return span
}

export class Launcher {
  readonly button = document.createElement('button')
  private readonly icon = buildIcon()
  private readonly word = buildSpan('pl-launcher-word')
  private readonly badge = buildSpan('pl-unread')
  private readonly words: Record<string, string>
  private isOpen = false
  private unread = 0

  constructor(locale: string, onPress: () => void) {
    this.words = LAUNCHER_WORDS[locale] ?? {}
    this.button.type = 'button'
    this.button.addEventListener('click', onPress)
    this.word.textContent = this.words['launcher.label'] ?? ''
    this.button.append(this.icon.svg, this.word, this.badge)
    this.draw()
  }

  show(isOpen: boolean, unread: number): void {
    this.isOpen = isOpen
    this.unread = unread
    this.draw()
  }

  setBusy(isBusy: boolean): void {
    this.button.setAttribute('aria-busy', String(isBusy))
  }

  /** Say for a moment that the window could not be loaded. */
  tellFailure(): void {
    const note = document.createElement('p')
    note.className = 'pl-failed-note'
    note.setAttribute('role', 'alert')
    note.textContent = this.words['launcher.failed'] ?? ''
    this.button.before(note)
    window.setTimeout(() => note.remove(), FAILED_FOR)
  }

  private label(): string {
    if (this.isOpen) return this.words['launcher.close'] ?? ''
    const label = this.words[this.unread ? 'launcher.unread' : 'launcher.open'] ?? ''
    return label.replace('{n}', String(this.unread))
  }

  private draw(): void {
    const showsBadge = this.unread > 0 && !this.isOpen
    this.button.className = `pl-launcher${this.isOpen ? ' pl-launcher-open' : ''}`
    this.button.setAttribute('aria-label', this.label())
    this.button.setAttribute('aria-expanded', String(this.isOpen))
    drawIcon(this.icon.path, this.isOpen ? 'down' : 'chat')
    this.word.hidden = this.isOpen
    this.badge.hidden = !showsBadge
    // Drawn by CSS: the number is in the button's name, in a whole sentence.
    this.badge.dataset.count = this.unread > MOST ? `${MOST}+` : String(this.unread)
  }
}
