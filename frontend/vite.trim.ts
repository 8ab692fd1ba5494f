/**
 * What the widget never uses of Vue is cut out of its bundle: a customer loads the widget on a
 * phone, and a third of the runtime serves Suspense, Teleport, KeepAlive, Transition, hydration,
 * async components, plugins and reactive Map and Set, none of which the bundler can see to be
 * unused. Vue's version is pinned; a cut that finds nothing stops the build, so that a new version
 * is looked at. The pages beside the widget have all of Vue.
 */
import type { Plugin } from 'vite'

/** A pattern and what stands in its place. */
type Cut = [RegExp, string]

/** Replace a whole top-level function, or a function inside the renderer (two spaces in). */
function body(name: string, code: string): Cut {
  return [new RegExp(`^function ${name}\\([\\s\\S]*?\\n}$`, 'm'), code]
}

function inner(name: string, code: string): Cut {
  return [new RegExp(`^  const ${name} = \\([\\s\\S]*?\\n  };$`, 'm'), code]
}

const CORE: Cut[] = [
  // Suspense 128, Teleport 64, KeepAlive 256 and 512, async components, server rendering.
  [/\b(?:\w+\.)*shapeFlag & (?:64|128|256|512)\b/g, '0'],
  [/(?<!function )\b(?:isSuspense|isTeleport|isKeepAlive|isAsyncWrapper)\([\w.]+\)/g, 'false'],
  [/\w+\.asyncDep && !\w+\.asyncResolved/g, 'false'],
  [/\bif \(instance\.asyncDep\)/g, 'if (false)'],
  [/const isAsyncSetup = isPromise\(setupResult\);/, 'const isAsyncSetup = false;'],
  [/\(isAsyncSetup \|\| instance\.sp\)/, 'false'],
  [/\bisInSSRComponentSetup\b(?=\))/g, 'false'],
  [/if \(el && hydrateNode\)/, 'if (false)'],
  [/const unresolvedAsyncRoot = .*;/, 'const unresolvedAsyncRoot = null;'],
  [/(?<!function )resolveAsyncComponentPlaceholder\(\w+\)/g, 'null'],
  [/if \(suspense && suspense\.activeBranch === vnode\)/, 'if (false)'],
  [/if \(root\.suspense && .*\)/, 'if (false)'],
  [/if \(createHydrationFns\)/, 'if (false)'],
  body('queueEffectWithSuspense', 'function queueEffectWithSuspense(fn) { queuePostFlushCb(fn) }'),
  // Transitions; ours are done by CSS.
  [/(?<!function )needTransition\(parentSuspense, transition\)/g, 'false'],
  [/else if \(transition && !transition\.persisted\)/, 'else if (false)'],
  [/const needTransition2 = .*;/, 'const needTransition2 = false;'],
  inner(
    'remove',
    `  const remove = ({ type, el, anchor }) => type === Fragment ? removeFragment(el, anchor) : hostRemove(el);`,
  ),
  [/subTree\.transition = instance\.vnode\.transition;/, ''],
  [/if \(vnode\.transition\)/, 'if (false)'],
  [/if \(transition && cloneTransition\)/, 'if (false)'],
  // HTML inserted as text, custom elements of Vue's own, scoped styles.
  [/ {6}case Static:[\s\S]*?break;\n/, ''],
  [/type === Static/g, 'false'],
  [/const customElement = .*;/, 'const customElement = null;'],
  [/if \(root\.ce && root\.ce\._hasShadowRoot\(\)\)/, 'if (false)'],
  [/if \((?:vnode|instance)\.ce\)/g, 'if (false)'],
  inner('setScopeId', '  const setScopeId = () => {};'),
  // The application object, its plugins, and the instances' public face.
  [/createApp: createAppAPI\(render, hydrate\)/, ''],
  [/initFeatureFlags\(\);/, ''],
  [/target\.__VUE__ = true;/, ''],
  [/let internalSetCurrentInstance;\nlet setInSSRSetupState;\n\{[\s\S]*?\n\}\n/,
    'const internalSetCurrentInstance = (v) => (currentInstance = v), setInSSRSetupState = NOOP;\n'],
  [/^const PublicInstanceProxyHandlers = \{[\s\S]*?\n\};$/m,
    `const PublicInstanceProxyHandlers = { get: ({ _: instance }, key) => key === "__v_skip" || instance[key.slice(1)] };`],
  body(
    'getComponentPublicInstance',
    'function getComponentPublicInstance(instance) { return instance.exposed && (instance.exposeProxy ||= proxyRefs(markRaw(instance.exposed))); }',
  ),
  body('inject', 'function inject() {}'),
  // Errors go where errors go: to the console of the page, not to handlers nobody has set.
  body('handleError', 'function handleError(error) { console.error(error); }'),
  // Refs are `ref()` in `<script setup>`; never strings, functions or lists.
  body('setRef', `function setRef(rawRef, oldRawRef, parentSuspense, vnode, isUnmount) {
  rawRef.r.value = isUnmount ? null : vnode.shapeFlag & 4 ? getComponentPublicInstance(vnode.component) : vnode.el;
}`),
  // Lists are arrays.
  body('renderList', `function renderList(source, renderItem) {
  return Array.from(source, (each, index) => renderItem(each, index));
}`),
  body('renderSlot', `function renderSlot(slots, name) {
  const slot = slots[name];
  slot && (slot._d = false);
  openBlock();
  const content = slot && ensureValidVNode(slot({}));
  const rendered = createBlock(Fragment, { key: "_" + name }, content || [], content && slots._ === 1 ? 64 : -2);
  slot && (slot._d = true);
  return rendered;
}`),
  body('resolvePropValue', `function resolvePropValue(options, props, key, value, instance, isAbsent) {
  const option = options[key];
  return option && option[0] ? isAbsent ? false : value === "" || value : value;
}`),
  body('emit', `function emit(instance, event, ...args) {
  const handler = (instance.vnode.props || EMPTY_OBJ)[toHandlerKey(event)];
  if (handler && !instance.isUnmounted) callWithAsyncErrorHandling(handler, instance, 6, args);
}`),
  // Directives and vnode hooks.
  [/\bif \((?:vnode\.)?dirs\)/g, 'if (false)'],
  [/const shouldInvokeDirs = .*;/, 'const shouldInvokeDirs = false;'],
  [/ \|\| dirs\) \{/g, ') {'],
  [/\bdirs && invokeDirectiveHook\(/g, 'false && invokeDirectiveHook('],
  [/(?<!const )vnodeHook = (?:[\w.]+ && )?[\w.]+\.onVnode\w+/g, 'false'],
  // Every component is a `<script setup>`: a function `setup` that returns the render function,
  // props and emits as the compiler writes them, slots that stay the same.
  body('createAppContext', 'function createAppContext() { return { provides: null }; }'),
  body('handleSetupResult', 'function handleSetupResult(instance, result) { instance.render = result; }'),
  body('createSetupContext', `function createSetupContext(instance) {
  return { emit: instance.emit, slots: instance.slots, expose: (face) => { instance.exposed = face; } };
}`),
  body('normalizePropsOptions', `function normalizePropsOptions({ props }) {
  if (!props) return EMPTY_ARR;
  const options = {}, casts = [];
  for (const key in props) {
    options[key] = [[].concat(props[key].type).includes(Boolean)];
    if (options[key][0]) casts.push(key);
  }
  return [options, casts];
}`),
  body('normalizeEmitsOptions', `function normalizeEmitsOptions({ emits }) {
  return emits && Object.fromEntries(emits.map((name) => [name, null]));
}`),
  [/^const initSlots = [\s\S]*?\n};$/m, 'const initSlots = (instance, slots) => { instance.slots = slots || {}; };'],
  [/^const updateSlots = [\s\S]*?\n};$/m, 'const updateSlots = (instance, slots) => { if (slots && slots._ !== 1) instance.slots = slots; };'],
  body('renderComponentRoot', `function renderComponentRoot(instance) {
  const { proxy, attrs, render, renderCache } = instance;
  const before = setCurrentRenderingInstance(instance);
  let root;
  try {
    root = normalizeVNode(render.call(proxy, proxy, renderCache));
  } catch (error) {
    blockStack.length = 0;
    handleError(error);
    root = createVNode(Comment);
  }
  if (Object.keys(attrs).length && root.shapeFlag & 7) root = cloneVNode(root, attrs);
  setCurrentRenderingInstance(before);
  return root;
}`),
  body('cloneVNode', `function cloneVNode(vnode, extra) {
  const props = extra ? mergeProps(vnode.props || {}, extra) : vnode.props;
  const patchFlag = !extra || vnode.type === Fragment ? vnode.patchFlag : vnode.patchFlag === -1 ? 16 : vnode.patchFlag | 16;
  return { ...vnode, props, key: props && normalizeKey(props), patchFlag };
}`),
  [/if \(!type \|\| type === NULL_DYNAMIC_COMPONENT\)/, 'if (false)'],
  [/if \(isVNode\(type\)\)/, 'if (false)'],
  [/if \(isClassComponent\(type\)\)/, 'if (false)'],
  [/return !looseEqual\(nextProp, prevProp\);/, 'return true;'],
  [/if \(isObject\(style\)\)/, 'if (false)'],
  [/ret\.style = normalizeStyle\(\[ret\.style, toMerge\.style\]\);/, ''],
  [/if \(flush === "post"\)/, 'if (false)'],
  [/if \(flush !== "sync"\)/, 'if (true)'],
  // A list has keys.
  [/else if \(patchFlag & 256\)/, 'else if (false)'],
  body('callWithAsyncErrorHandling', `function callWithAsyncErrorHandling(fn, instance, type, args) {
  return callWithErrorHandling(fn, instance, type, args);
}`),
]

const REACTIVITY: Cut[] = [
  // The state holds plain objects and arrays.
  [/targetType === 2 \/\* COLLECTION \*\/ \? collectionHandlers : baseHandlers/, 'baseHandlers'],
  [/  mutableCollectionHandlers,\n/g, '  0,\n'],
  [/  shallowCollectionHandlers,\n/g, '  0,\n'],
  [/  readonlyCollectionHandlers,\n/g, '  0,\n'],
  [/  shallowReadonlyCollectionHandlers,\n/g, '  0,\n'],
  // Without these, array methods run on the proxy: slower for long lists, and the same result.
  [/if \(targetIsArray && \(fn = arrayInstrumentations\[key\]\)\)/, 'if (false)'],
  [/isMap\(target\)/g, 'false'],
  body('traverse', 'function traverse(value) { return value }'),
  [/const isReadonly2 = this\._isReadonly,/, 'const isReadonly2 = false,'],
  [/if \(type === "clear"\)/, 'if (false)'],
  // Watchers watch one getter or ref, with a callback, to the end.
  [/^  (?:pause|resume)\(\) \{[\s\S]*?\n  \}$/gm, ''],
  [/watchHandle\.(?:pause|resume) = .*;/g, ''],
  [/if \(this\.flags & 64\)/g, 'if (false)'],
  [/if \(isArray\(source\)\)/, 'if (false)'],
  [/else if \(isReactive\(source\)\)/, 'else if (false)'],
  [/if \(cb && deep\)/, 'if (false)'],
  [/if \(once && cb\)/, 'if (false)'],
  [/isMultiSource \?/g, 'false ?'],
  [/isMultiSource &&/g, 'false &&'],
]

const SHARED: Cut[] = [
  // Templates show texts and numbers.
  [/^const toDisplayString = [\s\S]*?\n};$/m, 'const toDisplayString = (value) => value == null ? "" : String(value);'],
]

const CUTS: [string, Cut[]][] = [
  ['@vue/runtime-core/dist/runtime-core.esm-bundler.js', CORE],
  ['@vue/reactivity/dist/reactivity.esm-bundler.js', REACTIVITY],
  ['@vue/shared/dist/shared.esm-bundler.js', SHARED],
]

export function trimVue(): Plugin {
  return {
    name: 'prelude-trim-vue',
    enforce: 'pre',
    transform(code, id) {
      const cuts = CUTS.find(([file]) => id.split('?')[0]!.endsWith(file))?.[1]
      if (!cuts) return null
      for (const [pattern, put] of cuts) {
        if (code.search(pattern) < 0) throw new Error(`this Vue has no ${pattern}: look at vite.trim.ts`)
        code = code.replace(pattern, () => put)
      }
      return { code, map: null }
    },
  }
}
