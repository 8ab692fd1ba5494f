/** The pages beside the widget: the demo shop, the progress of a case, the embedding examples. */
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { cssTargets, licences, outDir, targets, vueFlags } from './vite.shared.ts'

export default defineConfig({
  base: './',
  plugins: [vue(), licences('assets/pages.licences.txt')],
  define: vueFlags,
  build: {
    outDir,
    emptyOutDir: false,
    target: targets,
    cssTarget: cssTargets,
    reportCompressedSize: false,
    // The host may send a strict CSP: no inlined data: files, no inline preload helper.
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      input: { demo: 'demo.html', case: 'case.html' },
      output: {
        entryFileNames: 'assets/[name].js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
        manualChunks: (id: string) => (id.includes('node_modules') ? 'vendor' : undefined),
      },
    },
  },
})
