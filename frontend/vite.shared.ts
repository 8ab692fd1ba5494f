/** What both builds share: the output folder, the browsers aimed at, and licence texts. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

export const here = dirname(fileURLToPath(import.meta.url))

export const localeDir = join(here, 'locales')

/** `PRELUDE_PAGES_OUT` lets `./prelude pages --check` build beside the committed files. */
export const outDir = process.env.PRELUDE_PAGES_OUT || join(here, '..', 'bot', 'web', 'static')

/** Chrome 88, Safari 14, and what WeChat's browser has had since 2022. */
export const targets = ['es2020', 'chrome88', 'safari14', 'firefox90']
/** Without 'es2020', which would mean Chrome 80 and lower `:is()` to something more specific. */
export const cssTargets = targets.slice(1)

export const vueFlags = {
  __VUE_OPTIONS_API__: 'false',
  __VUE_PROD_DEVTOOLS__: 'false',
  __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
  'process.env.NODE_ENV': '"production"',
}

function packageFolder(moduleId: string): string | null {
  const found = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(moduleId)
  return found?.[1] ?? null
}

function licenceOf(folder: string): string {
  const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf-8'))
  const file = ['LICENSE', 'LICENSE.md', 'LICENCE', 'license'].find((n) => existsSync(join(folder, n)))
  const text = file ? readFileSync(join(folder, file), 'utf-8').trim() : ''
  return `${about.name} ${about.version} (${about.license})\n\n${text}\n`
}

/** Put the licence of every package whose code is in the bundle beside it. */
export function licences(fileName: string): Plugin {
  return {
    name: 'prelude-licences',
    generateBundle() {
      const folders = new Set<string>()
      for (const id of this.getModuleIds()) {
        const folder = packageFolder(id.replace(/^\0/, '').split('?')[0] ?? '')
        if (folder && existsSync(join(folder, 'package.json'))) folders.add(folder)
      }
      const texts = [...folders].map(licenceOf).sort()
      this.emitFile({ type: 'asset', fileName, source: texts.join(`\n${'-'.repeat(72)}\n\n`) })
    },
  }
}
