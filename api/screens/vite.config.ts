import { existsSync, readdirSync, readFileSync } from "node:fs";
import { build, defineConfig, type Plugin } from "vite";

// One HTML file per screen; the server answers `/` with index.html and `/assets/…` with hashed files it may cache
// for ever. Dev: `npm run dev` proxies everything that is not a screen to a running server.
const server = process.env.GISOPS_DEV_SERVER ?? "http://127.0.0.1:8000";

/** Most licences ask that their text goes along with copies: gathers those of everything that is not a build tool. */
const licences: Plugin = {
  name: "licences",
  generateBundle() {
    const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
    const texts = Object.entries<{ dev?: boolean; version?: string; license?: string }>(packages)
      .filter(([folder, { dev }]) => folder.startsWith("node_modules/") && !dev && existsSync(folder))
      .map(([folder, { version, license }]) => {
        const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
        const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : "(the package holds no licence file)";
        return `${folder.replace(/^.*node_modules\//, "")} ${version} (${license})\n\n${text}\n`;
      });
    this.emitFile({ type: "asset", fileName: "assets/licences.txt", source: texts.join(`\n${"-".repeat(78)}\n\n`) });
  },
};

/** A planner's map is one page without a server's folders around it, so what draws tiles on it is one plain script. */
const notebook: Plugin = {
  name: "notebook",
  async generateBundle() {
    const lib = { entry: "notebook/tiles.ts", formats: ["iife" as const], name: "gisopsTiles" };
    const built = await build({ configFile: false, logLevel: "error", build: { write: false, target: "es2022", lib } });
    const [output] = Array.isArray(built) ? built : [built];
    if (!output || !("output" in output)) throw new Error("the notebook's script was not built");
    this.emitFile({ type: "asset", fileName: "notebook_tiles.js", source: output.output[0].code });
  },
};

export default defineConfig({
  plugins: [licences, notebook],
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
    // On a slow machine it would print, unasked, which plugin took how long.
    rolldownOptions: { input: { map: "index.html" }, checks: { bundlerTimings: false } },
  },
  server: {
    proxy: Object.fromEntries(["/api", "/tiles", "/styles", "/ogc"].map((path) => [path, { target: server }])),
  },
});
