import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.HELIOGRAPH_URL ?? "http://127.0.0.1:9292";

export const config = defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy knows no inline script
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": { target: server, ws: true },
      "/i18n": { target: server },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});

export { config as default };
