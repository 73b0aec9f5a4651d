// The self-hosted Noto Sans SC, one variable font cut into subsets that load only when one of their characters shows.
// The page and the map draw with the same files: what the stylesheet declares is read back as the style's font-faces.
import "@fontsource-variable/noto-sans-sc/wght.css";

const FAMILY = "Noto Sans SC Variable";
/** Names a style may put into text-font; all are drawn from the same files. */
export const MAP_FONT = "Noto Sans SC";
const MAP_FONT_NAMES = [MAP_FONT, `${MAP_FONT} Regular`, `${MAP_FONT} Medium`, `${MAP_FONT} Bold`];

export interface MapFontFace {
  url: string;
  "unicode-range": string[];
}

export function mapFontFaces(): Record<string, MapFontFace[]> {
  const faces: MapFontFace[] = [];
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (!(rule instanceof CSSFontFaceRule)) continue;
      if (!rule.style.getPropertyValue("font-family").includes(FAMILY)) continue;
      const url = /url\(\s*["']?([^"')]+)/.exec(rule.style.getPropertyValue("src"))?.[1];
      const range = rule.style.getPropertyValue("unicode-range");
      if (!url || !range) continue;
      faces.push({
        url: new URL(url, sheet.href ?? location.href).href,
        "unicode-range": range.split(",").map((part) => part.trim().toUpperCase()),
      });
    }
  }
  return Object.fromEntries(MAP_FONT_NAMES.map((name) => [name, faces]));
}
