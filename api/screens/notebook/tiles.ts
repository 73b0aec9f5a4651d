// Vector tiles on the Leaflet map of a planner's notebook: L.gisopsTiles({layers: [...]}). The screens draw the same
// tiles with MapLibre; Leaflet, which folium's maps stand on, has no vector tiles of its own.
import { VectorTile } from "@mapbox/vector-tile";
import { PbfReader } from "pbf";

/** One layer of the server, drawn in this order: its tiles' address with {z}, {x}, {y}, and how it looks. */
interface Drawn {
  id: string;
  url: string;
  minzoom: number;
  fill?: string;
  line?: string;
  width?: number;
}
interface Coords {
  x: number;
  y: number;
  z: number;
}
type Done = (error: unknown, tile: HTMLElement) => void;

// Leaflet stands in the page before this script does.
declare const L: any;

const POINT = 1;
const POLYGON = 3;

async function features(layer: Drawn, { x, y, z }: Coords) {
  const answer = await fetch(layer.url.replace("{z}", `${z}`).replace("{x}", `${x}`).replace("{y}", `${y}`));
  // 204: nothing lies there.
  if (answer.status === 204) return null;
  if (!answer.ok) throw new Error(`${layer.id}: ${answer.status}`);
  return new VectorTile(new PbfReader(new Uint8Array(await answer.arrayBuffer()))).layers[layer.id] ?? null;
}

async function draw(canvas: HTMLCanvasElement, layers: Drawn[], coords: Coords) {
  const context = canvas.getContext("2d");
  const tiles = await Promise.all(layers.filter(({ minzoom }) => coords.z >= minzoom)
    .map(async (layer) => ({ layer, tile: await features(layer, coords) })));
  for (const { layer, tile } of tiles) {
    if (!tile || !context) continue;
    const scale = canvas.width / tile.extent;
    context.fillStyle = layer.fill ?? "transparent";
    context.strokeStyle = layer.line ?? "transparent";
    // Streets grow wider as one comes nearer.
    context.lineWidth = (layer.width ?? 1) * devicePixelRatio * Math.max(0.4, 2 ** ((coords.z - 15) / 2));
    context.beginPath();
    for (let n = 0; n < tile.length; n++) {
      const feature = tile.feature(n);
      for (const path of feature.loadGeometry()) {
        const [first, ...rest] = path;
        if (!first) continue;
        context.moveTo(first.x * scale, first.y * scale);
        if (feature.type === POINT) context.arc(first.x * scale, first.y * scale, context.lineWidth, 0, 7);
        for (const { x, y } of rest) context.lineTo(x * scale, y * scale);
        if (feature.type === POLYGON) context.closePath();
      }
    }
    // Holes wind the other way round, so that layers whose areas overlap stay filled.
    if (layer.fill) context.fill();
    if (layer.line) context.stroke();
  }
}

const Tiles = L.GridLayer.extend({
  createTile(coords: Coords, done: Done) {
    const canvas: HTMLCanvasElement = L.DomUtil.create("canvas", "leaflet-tile");
    canvas.width = canvas.height = this.getTileSize().x * devicePixelRatio;
    // A tile that did not come stays empty, and the page's console says why.
    draw(canvas, this.options.layers, coords).then(
      () => done(null, canvas),
      (error: unknown) => {
        console.error(error);
        done(error, canvas);
      },
    );
    return canvas;
  },
});

L.gisopsTiles = (options: object) => new Tiles(options);
