// What the map can do: show hotspots, draw an area, tilt, go round the city by itself, come home.
import { useState } from "preact/hooks";
import { Icon, type IconName } from "../../shared/icons";
import { me } from "../../shared/session";
import { touring } from "../state";
import { areaInSight, draw, drawing, drawingFailed, SHAPES, stopDrawing } from "./drawing";
import { home, theMap, tilt, tilted } from "./hold";
import { hotspots, type Shape, show } from "./hotspots";
import { tourStop } from "./tour";
import { own } from "./words";

function Tool({ act, icon, label, pressed, expanded, onClick }: { act: string; icon: IconName; label: string; pressed?: boolean; expanded?: boolean; onClick: () => void }) {
  return (
    <button type="button" class="tool" data-act={act} aria-pressed={pressed} aria-expanded={expanded} onClick={onClick}>
      <Icon name={icon} /><span class="tool-label">{label}</span>
    </button>
  );
}

export function Tools() {
  const text = own.value;
  const map = theMap.value;
  const [choosing, setChoosing] = useState(false);
  if (!map) return null;
  const pen = drawing.value;
  const shape = (wanted: Exclude<Shape, "off">): void => show(hotspots.value === wanted ? "off" : wanted);
  return (
    <div class="tools-block">
      <div class="glass tools" role="toolbar" aria-label={text.tools} data-panel="tools">
        {me.value && <Tool act="heat" icon="heat" label={text.shapes.heat} pressed={hotspots.value === "heat"} onClick={() => shape("heat")} />}
        {me.value && <Tool act="hexagons" icon="hexagon" label={text.shapes.hexagons} pressed={hotspots.value === "hexagons"} onClick={() => shape("hexagons")} />}
        <Tool act="draw" icon="draw" label={pen ? text.drawCancel : text.draw} expanded={choosing || pen !== null}
          onClick={() => { if (pen) stopDrawing(); setChoosing(!choosing && !pen); }} />
        <Tool act="tilt" icon="tilt" label={tilted.value ? text.flat : text.tilt} onClick={tilt} />
        <Tool act="home" icon="home" label={text.home} onClick={home} />
        <Tool act="tour" icon={touring.value ? "pause" : "tour"} label={touring.value ? text.tourStop : text.tour} pressed={touring.value} onClick={() => (touring.value = !touring.value)} />
      </div>
      {choosing && (
        <div class="glass tools" role="group" aria-label={text.draw}>
          {SHAPES.map((each) => (
            <button key={each} type="button" class="tool" data-act={`draw-${each}`} onClick={() => { setChoosing(false); void draw(map, each); }}>
              <span class="tool-label">{text.drawShapes[each]}</span></button>
          ))}
          <button type="button" class="tool" data-act="draw-sight" onClick={() => { setChoosing(false); areaInSight(map); }}>
            <span class="tool-label">{text.inSight}</span></button>
        </div>
      )}
      <div aria-live="polite">
        {pen && <p class="glass tools-note" data-drawing={pen}>{text.drawHow[pen]}</p>}
        {drawingFailed.value && <p class="glass tools-note bad">{text.drawFailed}</p>}
        {touring.value && <p class="glass tools-note" data-tour>{tourStop.value ? `${text.touring} · ${tourStop.value.title()}` : text.tourPrepared}</p>}
      </div>
    </div>
  );
}
