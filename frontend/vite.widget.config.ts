/**
 * The customer's widget as classic scripts, because `document.currentScript` is null in modules:
 * `widget.js` is what a page loads; `--mode panel` builds what the first click loads.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'
import { trimVue } from './vite.trim.ts'
import { cssTargets, licences, here, localeDir, outDir, targets, vueFlags } from './vite.shared.ts'

type Words = Record<string, string>

function readLocales(): Record<string, Words> {
  const files = readdirSync(localeDir).filter((name) => name.endsWith('.json'))
  return Object.fromEntries(
    files.sort().map((name) => [basename(name, '.json'), JSON.parse(readFileSync(join(localeDir, name), 'utf-8'))]),
  )
}

function launcherWords(): Record<string, Words> {
  const isForLauncher = ([key]: [string, string]) => key.startsWith('launcher.')
  return Object.fromEntries(
    Object.entries(readLocales()).map(([name, words]) => [
      name,
      Object.fromEntries(Object.entries(words).filter(isForLauncher)),
    ]),
  )
}

/** Of other pages, of the other side of a talk, or built into widget.js. */
const NOT_OURS = /^(demo|progress|event|stage|cause|launcher)\.|^composer\.(agent|trainee)|^speaker\.customer/

/** One script of words for each language, without those of the other pages. */
function wordScripts(): Plugin {
  return {
    name: 'prelude-words',
    generateBundle() {
      for (const [name, words] of Object.entries(readLocales())) {
        const ours = Object.fromEntries(Object.entries(words).filter(([key]) => !NOT_OURS.test(key)))
        const source = `customElements.get("prelude-chat")?.bringPart("words",${JSON.stringify(ours)})\n`
        this.emitFile({ type: 'asset', fileName: `widget/${name}.js`, source })
      }
    },
  }
}

export default defineConfig(({ mode }) => {
  const isPanel = mode === 'panel'
  const fileName = isPanel ? 'widget/panel.js' : 'widget.js'
  return {
    plugins: isPanel ? [trimVue(), vue(), licences('widget/panel.licences.txt'), wordScripts()] : [],
    define: { ...vueFlags, __LAUNCHER_WORDS__: JSON.stringify(launcherWords()) },
    publicDir: false as const,
    resolve: { alias: isPanel ? [{ find: /^vue$/, replacement: join(here, 'src/widget/vue.ts') }] : [] },
    build: {
      outDir,
      emptyOutDir: false,
      target: targets,
      cssTarget: cssTargets,
      reportCompressedSize: false,
      lib: {
        entry: isPanel ? 'src/widget/panel.ts' : 'src/widget/define.ts',
        formats: ['iife' as const],
        name: 'preludeWidget',
        fileName: () => fileName,
      },
    },
  }
})
