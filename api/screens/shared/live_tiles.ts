// Keeps tiles of a live layer fresh: of what changed, only the tiles concerned are asked for again, and of those only the
// ones in sight; the others when they come into sight.
import type { Map as MapLibreMap, VectorTileSource } from "maplibre-gl";

/** Events that come together are one request: what is drawn over the map shows each at once anyway. */
const TOGETHER_MS = 200;
/** Where this much changed since the last look, a look costs more than it shows: the next one waits. */
const MANY = 20;
const MANY_TOGETHER_MS = 2_000;
/** More than this many tiles to be remembered, and it is cheaper to start anew. */
const MOST_REMEMBERED = 5_000;

const nameOf = (z: number, x: number, y: number): string => `${z}/${x}/${y}`;

/** The tile of a zoom that holds a place; Web Mercator, y from the north. */
export function tileAt(lon: number, lat: number, z: number): { z: number; x: number; y: number } {
  const across = 2 ** z;
  const sine = Math.sin((lat * Math.PI) / 180);
  const clamp = (step: number): number => Math.min(across - 1, Math.max(0, Math.floor(step)));
  return {
    z,
    x: clamp(((lon + 180) / 360) * across),
    y: clamp((0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * across),
  };
}

export class LiveTiles {
  readonly #map: MapLibreMap;
  readonly #source: string;
  readonly #stale = new Set<string>();
  #timer: number | undefined;
  #all = false;
  #changes = 0;
  #asked = 0;

  constructor(map: MapLibreMap, source: string) {
    this.#map = map;
    this.#source = source;
    map.on("moveend", this.#flush);
    map.on("idle", this.#flush);
  }

  /** Something changed at this place. */
  changedAt(lon: number, lat: number): void {
    const source = this.#map.getSource<VectorTileSource>(this.#source);
    if (!source) return;
    this.#changes += 1;
    for (let z = source.minzoom; z <= source.maxzoom; z += 1) {
      const at = tileAt(lon, lat, z);
      this.#stale.add(nameOf(at.z, at.x, at.y));
    }
    if (this.#stale.size > MOST_REMEMBERED) this.changedSomewhere();
    else this.#soon();
  }

  /** Something changed, and nobody knows where. */
  changedSomewhere(): void {
    this.#all = true;
    this.#soon();
  }

  stop(): void {
    window.clearTimeout(this.#timer);
    this.#map.off("moveend", this.#flush);
    this.#map.off("idle", this.#flush);
  }

  #soon(wait_ms = TOGETHER_MS): void {
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, wait_ms);
  }

  readonly #flush = (): void => {
    if (!this.#all && this.#stale.size === 0) return;
    const source = this.#map.getSource<VectorTileSource>(this.#source);
    if (!source) return;
    // A tile on its way here cannot be asked for again, and may have left before the change: the map's idle comes back.
    if (!this.#map.isSourceLoaded(this.#source)) return;
    if (this.#changes > MANY && Date.now() < this.#asked + MANY_TOGETHER_MS) {
      this.#soon(MANY_TOGETHER_MS);
      return;
    }
    this.#changes = 0;
    this.#asked = Date.now();
    if (this.#all) {
      this.#all = false;
      this.#stale.clear();
      this.#map.refreshTiles(this.#source);
      return;
    }
    const shown = this.#map.coveringTiles({ tileSize: source.tileSize, minzoom: source.minzoom, maxzoom: source.maxzoom });
    const due = shown.map(({ canonical: { z, x, y } }) => ({ z, x, y })).filter(({ z, x, y }) => this.#stale.delete(nameOf(z, x, y)));
    if (due.length > 0) this.#map.refreshTiles(this.#source, due);
  };
}

/** The content of these layers is another one: their sources are described anew, and drawn by the new addresses. */
export function renewSources(map: MapLibreMap, layers: ReadonlySet<string>): void {
  for (const [name, source] of Object.entries(map.getStyle().sources)) {
    if (source.type !== "vector" || !source.url) continue;
    const ids = /\/tiles\/([^/]+)\.json$/.exec(source.url)?.[1]?.split(",") ?? [];
    // The same address: the description it leads to says the new version, and the style stays what it was.
    if (ids.some((id) => layers.has(id))) map.getSource<VectorTileSource>(name)?.setUrl(source.url);
  }
}
