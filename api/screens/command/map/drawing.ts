// Drawing an area with the hand. What draws is loaded when somebody first wants to.
import { signal } from "@preact/signals";
import type { Map as MapLibreMap } from "maplibre-gl";
import { area } from "../state";

export type DrawnShape = "polygon" | "rectangle" | "circle";
export const SHAPES = ["polygon", "rectangle", "circle"] as const satisfies readonly DrawnShape[];

/** What is being drawn. */
export const drawing = signal<DrawnShape | null>(null);
export const drawingFailed = signal(false);

let stop: (() => void) | null = null;

export function stopDrawing(): void {
  drawing.value = null;
  stop?.();
  stop = null;
}

const PREFIX = "drawn";

export async function draw(map: MapLibreMap, shape: DrawnShape): Promise<void> {
  stopDrawing();
  drawingFailed.value = false;
  drawing.value = shape;
  try {
    const [{ TerraDraw, TerraDrawCircleMode, TerraDrawPolygonMode, TerraDrawRectangleMode }, { TerraDrawMapLibreGLAdapter }] =
      await Promise.all([import("terra-draw"), import("terra-draw-maplibre-gl-adapter")]);
    // Somebody may have thought better of it meanwhile.
    if (drawing.peek() !== shape) return;
    const colour = "#f3bd5b" as const;
    const styles = { fillColor: colour, fillOpacity: 0.14, outlineColor: colour, outlineWidth: 3 } as const;
    const pen = new TerraDraw({
      adapter: new TerraDrawMapLibreGLAdapter({ map, prefixId: PREFIX }),
      modes: [
        new TerraDrawPolygonMode({ styles: { ...styles, closingPointColor: colour } }),
        new TerraDrawRectangleMode({ styles }),
        new TerraDrawCircleMode({ styles }),
      ],
    });
    // A new style of the map (another language, a layer switched) does not know the pen's sources: the pen is put down.
    const put = (): void => {
      if (!Object.keys(map.getStyle().sources).some((name) => name.startsWith(PREFIX))) stopDrawing();
    };
    pen.start();
    pen.setMode(shape);
    map.on("styledata", put);
    stop = () => {
      map.off("styledata", put);
      try {
        pen.stop();
      } catch {
        // Its layers have gone with the style they were in.
      }
      map.getCanvas().style.cursor = "crosshair";
    };
    pen.on("finish", (id) => {
      const drawn = pen.getSnapshotFeature(id);
      if (drawn?.geometry.type === "Polygon") area.value = drawn.geometry as GeoJSON.Polygon;
      // Not in the middle of its own event.
      window.setTimeout(stopDrawing);
    });
  } catch {
    stopDrawing();
    drawingFailed.value = true;
  }
}

/** What is in sight, as an area: for hands that draw by keyboard. */
export function areaInSight(map: MapLibreMap): void {
  stopDrawing();
  const canvas = map.getCanvas();
  const { left = 0, right = 0, top = 0, bottom = 0 } = map.getPadding();
  const [west, east] = [left, canvas.clientWidth - right];
  const [north, south] = [top, canvas.clientHeight - bottom];
  const corners = ([[west, north], [west, south], [east, south], [east, north], [west, north]] as [number, number][]).map((at) => {
    const { lng, lat } = map.unproject(at);
    return [lng, lat];
  });
  area.value = { type: "Polygon", coordinates: [corners] };
}
