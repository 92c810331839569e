import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (path: string): string => `${root}${path}`;

/** Native or provided by the runtime; everything else is bundled, so that a packaged app needs no node_modules. */
const EXTERNAL = ['electron', 'fs-native-extensions', /^@duckdb\//];

/** Absent in Electron 25's Node 18, where the portable primitives would fail at the first random number. */
const WEB_CRYPTO = "globalThis.crypto ??= require('node:crypto').webcrypto;";

export default defineConfig({
  main: {
    build: {
      target: 'node18',
      externalizeDeps: false,
      outDir: at('out/main'),
      rollupOptions: {
        external: EXTERNAL,
        input: {
          main: at('electron/main/index.ts'),
          'deck-host': at('electron/utility/index.ts'),
          'collector-thread': at('node-core/collector-thread/collector-thread.ts'),
          flightdeck: at('node-core/cli/flightdeck.ts'),
        },
        output: {
          format: 'cjs',
          entryFileNames: '[name].cjs',
          chunkFileNames: '[name]-[hash].cjs',
          banner: WEB_CRYPTO,
        },
      },
    },
  },
  preload: {
    build: {
      target: 'node18',
      externalizeDeps: false,
      outDir: at('out/preload'),
      rollupOptions: {
        external: EXTERNAL,
        input: { index: at('electron/preload/index.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: at('renderer'),
    base: './',
    plugins: [react()],
    worker: { format: 'es' },
    build: {
      target: 'chrome114',
      outDir: at('out/renderer'),
      assetsInlineLimit: 0, // the content policy allows no data: fonts or scripts
      modulePreload: { polyfill: false },
      rollupOptions: { input: at('renderer/index.html') },
    },
  },
});
