/**
 * The entry of `widget.js`: read the script tag, define the element, put it into the page, and
 * answer what the page has asked for before we were there.
 */
import { Controller } from './controller'
import { PreludeChatElement } from './element'
import { readSettings } from './settings'

const TAG = 'prelude-chat'
const METHODS = ['open', 'close', 'identify', 'setContext', 'on'] as const
type Method = (typeof METHODS)[number]
type Call = [Method, ...unknown[]]

declare global {
  interface Window {
    prelude?: unknown
  }
}

type Api = Record<Method, (...values: never[]) => unknown> & { push: (...calls: Call[]) => void }

function buildApi(controller: Controller): Api {
  const api: Api = {
    open: () => controller.open(),
    close: () => controller.close(),
    identify: (jwt: unknown) => controller.identify(jwt),
    setContext: (context: unknown) => controller.setContext(context),
    on: (name: never, listener: never) => controller.on(name, listener),
    push: (...calls) => calls.forEach(run),
  }
  function run(call: Call): void {
    const [method, ...values] = Array.isArray(call) ? call : []
    if (method && METHODS.includes(method)) api[method](...(values as never[]))
  }
  return api
}

function place(controller: Controller): void {
  const element = document.createElement(TAG) as PreludeChatElement
  element.controller = controller
  document.body.append(element)
}

function start(script: HTMLScriptElement | null): void {
  // The tag stands twice in the page: one widget is enough.
  if (customElements.get(TAG)) return
  customElements.define(TAG, PreludeChatElement)
  const controller = new Controller(readSettings(script))
  const earlier = Array.isArray(window.prelude) ? (window.prelude as Call[]) : []
  const api = buildApi(controller)
  window.prelude = api
  api.push(...earlier)
  if (document.body) place(controller)
  else document.addEventListener('DOMContentLoaded', () => place(controller))
}

start(document.currentScript as HTMLScriptElement | null)
