import react from '@vitejs/plugin-react'
import tailwind from '@tailwindcss/vite'
import { defineConfig } from 'vite'

// The console's build. It empties its own folder only, so dist/.gitkeep stays.
export default defineConfig({
  plugins: [react(), tailwind()],
  publicDir: 'public-console',
  build: {
    outDir: 'dist/console',
    emptyOutDir: true,
    assetsInlineLimit: 0, // a data: address would need img-src data:
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'], // light-dark() as it is
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { console: 'index.html' },
      output: {
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /node_modules\/(react|react-dom|scheduler|@tanstack|i18next|react-i18next|use-sync-external-store)\// },
            { name: 'parts', test: /src\/(shared|console\/ui)\// },
          ],
        },
      },
    },
  },
})
