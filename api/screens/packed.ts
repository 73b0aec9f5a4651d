// Beside every text file of the build lie two that say the same in fewer bytes, so that the server packs nothing while
// somebody waits: `.br` for browsers that take it (over HTTPS and on this machine), `.gz` for all others.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const TEXT = /\.(js|css|html|json|svg|txt|webmanifest)$/;
// What fits into one packet comes no sooner for being smaller.
const WORTH_BYTES = 1024;
// One step below the best: two per cent more bytes in a third of the time.
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT } };

export const packed: Plugin = {
  name: "packed",
  apply: "build",
  // After all others, which may add files until then.
  closeBundle: { order: "post", sequential: true, handler: () => pack("dist") },
};

function pack(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) pack(path);
    else if (TEXT.test(name)) {
      const content = readFileSync(path);
      if (content.length < WORTH_BYTES) continue;
      writeFileSync(`${path}.br`, brotliCompressSync(content, BROTLI));
      writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
    }
  }
}
