/** `<prelude-chat>`: a shadow root around the widget, safe from the page's CSS, CSP and hot keys. */
import { nearestLocale } from '../chat/i18n'
import { colorProperties } from './color'
import type { Controller } from './controller'
import styles from './styles/host.css?inline'
import { Launcher } from './launcher'
import { bringPart, loadParts, type MountedPanel } from './parts'
import { DEFAULT_COLOR } from './settings'

const KEY_EVENTS = ['keydown', 'keypress', 'keyup'] as const

/** A constructed sheet: a page's `style-src` blocks <style>, even in a shadow root. */
function dress(root: ShadowRoot, text: string): void {
  try {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(text)
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
  } catch {
    // Safari before 16.4 has none; there a page with a strict policy must allow the style.
    const style = document.createElement('style')
    style.textContent = text
    root.append(style)
  }
}

export class PreludeChatElement extends HTMLElement {
  /** How the later scripts reach us without another global name. */
  static readonly bringPart = bringPart

  controller: Controller | null = null
  private launcher: Launcher | null = null
  private readonly place = document.createElement('div')
  private panel: MountedPanel | null = null
  private isLoading = false

  connectedCallback(): void {
    const { controller } = this
    if (!controller || this.launcher) return
    const root = this.attachShadow({ mode: 'open' })
    dress(root, styles)
    // The page's hot keys must not eat what a customer types.
    for (const name of KEY_EVENTS) root.addEventListener(name, (event) => event.stopPropagation())
    root.append(this.build(controller))
    controller.onUnread = () => this.draw()
    controller.onToggle = () => void this.follow(controller)
    document.addEventListener('visibilitychange', () => this.noteWatching())
    this.draw()
    if (controller.isOpen) void this.follow(controller)
  }

  private build(controller: Controller): HTMLElement {
    const { settings } = controller
    const mount = document.createElement('div')
    mount.className = 'pl-root'
    mount.dataset.position = settings.position
    mount.lang = nearestLocale(settings.lang)
    const colors = colorProperties(settings.color, DEFAULT_COLOR)
    for (const [name, value] of Object.entries(colors)) mount.style.setProperty(name, value)
    const toggle = () => (controller.isOpen ? controller.close() : controller.open())
    this.launcher = new Launcher(mount.lang, toggle)
    this.place.hidden = true
    mount.append(this.place, this.launcher.button)
    return mount
  }

  /** Bring the screen in line with the controller, and the focus to where it belongs. */
  private async follow(controller: Controller): Promise<void> {
    const hadFocus = !!this.shadowRoot?.activeElement
    if (controller.isOpen && !this.panel && !(await this.load(controller))) return
    this.place.hidden = !controller.isOpen
    this.draw()
    this.noteWatching()
    if (controller.isOpen) this.panel?.focus()
    else if (hadFocus) this.launcher?.button.focus()
  }

  private async load(controller: Controller): Promise<boolean> {
    if (this.isLoading) return false
    const { base, nonce, lang } = controller.settings
    this.isLoading = true
    this.launcher?.setBusy(true)
    try {
      const locale = nearestLocale(lang)
      const parts = await loadParts(base, nonce, locale)
      dress(this.shadowRoot!, parts.panel.styles)
      this.panel = parts.panel.mount(this.place, controller, parts.words, locale)
      return true
    } catch {
      controller.close()
      this.launcher?.tellFailure()
      return false
    } finally {
      this.isLoading = false
      this.launcher?.setBusy(false)
    }
  }

  private draw(): void {
    const { controller } = this
    const isShown = !!controller?.isOpen && !!this.panel
    this.launcher?.show(isShown, controller?.chat.state.unread ?? 0)
  }

  private noteWatching(): void {
    this.controller?.chat.watch(this.controller.isOpen && !!this.panel)
  }
}
