import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The server to develop against; its origin check wants its own origin on every writing request.
const server = process.env['SIGNALBOX_URL'] ?? 'http://127.0.0.1:8480';

export default defineConfig({
  plugins: [react()],
  server: {
    proxy: {
      '/api': {
        target: server,
        changeOrigin: true,
        headers: { origin: server },
      },
    },
  },
  build: {
    // A data: URL would break the content security policy for fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    sourcemap: false,
  },
  test: { environment: 'node', include: ['src/**/*.test.ts'], css: true },
});
