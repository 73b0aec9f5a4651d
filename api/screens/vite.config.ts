import { existsSync, readdirSync, readFileSync } from "node:fs";
import { build, defineConfig, type Plugin } from "vite";
import { officerWorker } from "./officer_worker.ts";
import { packed } from "./packed.ts";

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
    const built = await build({ configFile: false, logLevel: "error", publicDir: false, build: { write: false, target: "es2022", lib } });
    const [output] = Array.isArray(built) ? built : [built];
    if (!output || !("output" in output)) throw new Error("the notebook's script was not built");
    this.emitFile({ type: "asset", fileName: "notebook_tiles.js", source: output.output[0].code });
  },
};

/** A minified sheet says U+9FF? for what a map's style must say as U+9FF0-9FFF. */
const spelled = (range: string): string =>
  range.includes("?") ? `${range.replaceAll("?", "0")}-${range.slice(2).replaceAll("?", "F")}` : range;

/** A style names the font's files, and the server composes it: it is told here what they are called and what each holds. */
const fonts: Plugin = {
  name: "fonts",
  enforce: "post",
  generateBundle(_, bundle) {
    const sheets = Object.values(bundle).filter((each) => each.type === "asset" && each.fileName.endsWith(".css"));
    const faces = sheets.flatMap((sheet) => [...String((sheet as { source: string | Uint8Array }).source).matchAll(/@font-face\s*\{([^}]*)\}/g)]);
    const files = faces.map(([, face]) => ({
      url: /url\(\s*["']?\/?([^"')]+)/.exec(face!)?.[1],
      "unicode-range": /unicode-range:([^;}]+)/.exec(face!)?.[1]?.split(",").map((part) => spelled(part.trim().toUpperCase())),
    })).filter((each) => each.url && each["unicode-range"]);
    if (files.length === 0) throw new Error("no file of the map's font was found in the style sheets");
    this.emitFile({ type: "asset", fileName: "fonts.json", source: JSON.stringify(files) });
  },
};

export default defineConfig({
  plugins: [licences, notebook, fonts, officerWorker, packed],
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
    rolldownOptions: {
      input: {
        map: "index.html", screen: "screen.html", desk: "desk.html", officer: "officer.html", report: "report.html", ogc: "ogc/page.ts",
      },
      output: {
        // Pages that the server makes name this script, so it has one name; what it imports has the hashed ones.
        entryFileNames: ({ name }) => (name === "ogc" ? "ogc.js" : "assets/[name]-[hash].js"),
      },
      checks: { bundlerTimings: false },
    },
  },
  server: {
    proxy: Object.fromEntries(["/api", "/tiles", "/styles", "/ogc", "/assets", "/basemap"].map((path) => [path, { target: server }])),
  },
});
