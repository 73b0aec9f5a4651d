import { defineConfig } from "vite";

// One HTML file per screen; the server answers `/` with index.html and `/assets/…` with hashed files it may cache
// for ever. Dev: `npm run dev` proxies everything that is not a screen to a running server.
const server = process.env.GISOPS_DEV_SERVER ?? "http://127.0.0.1:8000";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    // A font or picture inlined as data: would need font-src data: in the content security policy.
    assetsInlineLimit: 0,
    // The polyfill is an inline script, which the policy forbids; every browser with WebGL 2 preloads modules.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1400,
    rolldownOptions: { input: { map: "index.html" } },
  },
  server: {
    proxy: Object.fromEntries(["/api", "/tiles", "/styles", "/ogc"].map((path) => [path, { target: server }])),
  },
});
