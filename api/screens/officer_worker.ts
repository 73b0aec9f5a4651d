// Builds the phone's service worker as one plain script at the root, and tells it of which files the page is made: those the
// build made for it, the map that it loads later among them. The map's font comes as its characters are met.
import { createHash } from "node:crypto";
import { build, type Plugin } from "vite";

const ENTRY = "officer";

export const officerWorker: Plugin = {
  name: "officer-worker",
  enforce: "post",
  async generateBundle(_, bundle) {
    const chunks = Object.values(bundle).filter((each) => each.type === "chunk");
    const files = new Set<string>();
    const queue = chunks.filter((each) => each.isEntry && each.name === ENTRY).map((each) => each.fileName);
    for (let file = queue.pop(); file; file = queue.pop()) {
      const chunk = chunks.find((each) => each.fileName === file);
      if (!chunk || files.has(file)) continue;
      files.add(file);
      queue.push(...chunk.imports, ...chunk.dynamicImports);
      const made = (chunk as { viteMetadata?: { importedCss: Set<string>; importedAssets: Set<string> } }).viteMetadata;
      for (const asset of [...(made?.importedCss ?? []), ...(made?.importedAssets ?? [])]) files.add(asset);
    }
    if (files.size < 3) throw new Error("the phone's files were not found in what was built");
    const mapWorker = Object.keys(bundle).filter((name) => /maplibre-gl-worker.*\.m?js$/.test(name));
    const shell = [...new Set([...files, ...mapWorker])].filter((name) => !/\.woff2?$/.test(name)).sort().map((name) => `/${name}`);
    const version = createHash("sha256").update(shell.join()).digest("hex").slice(0, 12);
    const lib = { entry: "officer/worker.ts", formats: ["iife" as const], name: "officerWorker" };
    const built = await build({
      configFile: false, logLevel: "error", build: { write: false, target: "es2022", lib }, publicDir: false,
      define: { __SHELL__: JSON.stringify(shell), __VERSION__: JSON.stringify(version) },
    });
    const [output] = Array.isArray(built) ? built : [built];
    if (!output || !("output" in output)) throw new Error("the phone's service worker was not built");
    this.emitFile({ type: "asset", fileName: "officer_worker.js", source: output.output[0].code });
  },
};
