/**
 * Vue as the widget has it: the core, and a renderer for the few kinds of attributes that its
 * templates hold. The bundler puts this in the place of 'vue' (vite.widget.config.ts); what a
 * template needs and is not here stops the build.
 */
import { createRenderer, createVNode, type Component } from '@vue/runtime-core'

export * from '@vue/runtime-core'

type Handler = (event: Event) => void
interface Invoker extends EventListener {
  now: Handler | Handler[] | null
}

const SVG = 'http://www.w3.org/2000/svg'
const LISTENERS = Symbol()
/** Set as properties: as attributes they would only be the first value. */
const AS_PROPERTY = /^(value|checked|disabled|hidden)$/

type Listening = Element & { [LISTENERS]?: Record<string, Invoker> }

function listen(element: Listening, name: string, handler: Handler | Handler[] | null): void {
  const all = (element[LISTENERS] ??= {})
  if (all[name]) {
    all[name].now = handler
    return
  }
  const since = performance.now()
  const invoker = ((event: Event) => {
    // An event on its way up must not meet a listener that its own handling has just attached.
    if (event.timeStamp >= since) [invoker.now].flat().forEach((each) => each?.(event))
  }) as Invoker
  invoker.now = handler
  all[name] = invoker
  element.addEventListener(name.slice(2).toLowerCase(), invoker)
}

function patchProp(element: Element, key: string, _before: unknown, value: unknown): void {
  if (/^on[A-Z]/.test(key)) listen(element, key, value as Handler | null)
  else if (AS_PROPERTY.test(key)) {
    const holder = element as unknown as Record<string, unknown>
    const wanted = value ?? ''
    // Setting the same text again would move the cursor.
    if (holder[key] !== wanted) holder[key] = wanted
  } else if (value == null || value === false && !/^aria/.test(key)) element.removeAttribute(key)
  else element.setAttribute(key, value === true && !/^aria/.test(key) ? '' : String(value))
}

const { render } = createRenderer<Node, Element>({
  patchProp,
  insert: (child, parent, anchor) => void parent.insertBefore(child, anchor ?? null),
  remove: (child) => void child.parentNode?.removeChild(child),
  createElement: (tag, namespace) =>
    namespace ? document.createElementNS(SVG, tag) : document.createElement(tag),
  createText: (text) => document.createTextNode(text),
  createComment: (text) => document.createComment(text),
  setText: (node, text) => void (node.nodeValue = text),
  setElementText: (element, text) => void (element.textContent = text),
  parentNode: (node) => node.parentNode as Element | null,
  nextSibling: (node) => node.nextSibling,
})

/** Draw a component into a place; what it exposes comes back. */
export function mount<Exposed>(component: Component, props: object, place: Element): Exposed {
  const node = createVNode(component, props as never)
  render(node, place)
  return node.component!.exposed as Exposed
}
