// Layers by family, each with its switch and its legend; what the caller may not see is shown locked, not hidden.
import type { StyleSpecification } from "maplibre-gl";
import { brokenStyles, city, shown, style, switched, switchLayer } from "./catalog";
import { day, fill, said, titled, words } from "./i18n";
import { Icon } from "./icons";
import { me, signingIn } from "./session";
import { legendOf, type LegendEntry } from "./style";
import type { CityLayer } from "./types";

function Swatch({ entry }: { entry: LegendEntry }) {
  const { colour, edge, shape, glyph, path, dashed } = entry;
  return (
    <svg class="swatch" viewBox="0 0 24 16" aria-hidden="true" focusable="false">
      {path && shape === "circle" ? (
          <>
            <circle cx="12" cy="8" r="7.8" fill={colour} />
            <path class="ink" d={path} fill-rule="evenodd" transform="translate(6.6 2.6) scale(0.45)" />
          </>
        ) : glyph && shape === "circle" ? (
          <>
            <circle cx="12" cy="8" r="7.5" fill={colour} />
            <text x="12" y="11.5" text-anchor="middle" font-size="9.5">{glyph}</text>
          </>
        ) : glyph ? <text class="bare" x="12" y="13" text-anchor="middle" font-size="14" style={{ color: colour }}>{glyph}</text>
        : shape === "line" ? (
          <>
            {edge && <path d="M1 8h22" stroke={edge} stroke-width="7" />}
            <path d="M1 8h22" stroke={colour} stroke-width={edge ? 5 : 2.5} stroke-dasharray={dashed ? "5 3" : undefined} />
          </>
        ) : shape === "circle" ? <circle cx="12" cy="8" r="5" fill={colour} stroke={edge ?? "none"} stroke-width="1.5" />
        : <rect x="2" y="2" width="20" height="12" rx="2" fill={colour} stroke={edge ?? "none"} stroke-width="1" />}
    </svg>
  );
}

/** What a reader should know before he trusts what he sees. */
function Age({ layer }: { layer: CityLayer }) {
  const text = words.value;
  if (brokenStyles.value.has(layer.id)) return <span class="badge bad" data-broken>{text.styleBroken}</span>;
  if (!layer.stale) return null;
  return (
    <span class="badge warn" data-stale title={layer.updated_at ? fill(text.updatedOn, { day: day(layer.updated_at) }) : text.stale}>
      <Icon name="warn" />{text.stale}{layer.updated_at && ` · ${day(layer.updated_at)}`}
    </span>
  );
}

/** How many there are of a layer, in words; nothing where that is not known. */
export type Counted = (id: string) => string | undefined;

function Row({ layer, look, counted }: { layer: CityLayer; look: StyleSpecification; counted?: Counted | undefined }) {
  const on = layer.allowed && shown(layer.id);
  const entries = layer.allowed ? legendOf(look, layer.id) : [];
  const only = entries.length === 1 ? entries[0] : undefined;
  return (
    <li class="layer" data-layer={layer.id}>
      {layer.allowed ? (
        <label class="layer-line">
          <input type="checkbox" role="switch" checked={on} onChange={(event) => switchLayer(layer.id, event.currentTarget.checked)} />
          <span class="layer-title">{titled(layer)}<Age layer={layer} /></span>
          {counted?.(layer.id) && <span class="layer-count" data-count={layer.id}>{counted(layer.id)}</span>}
          {only && <Swatch entry={only} />}
        </label>
      ) : me.value ? (
        <p class="layer-line locked"><Icon name="lock" /><span class="layer-title">{titled(layer)}</span>
          <span class="role-only">{words.value.notForRole}</span></p>
      ) : (
        <button type="button" class="layer-line locked" onClick={() => (signingIn.value = true)}>
          <Icon name="lock" />
          <span class="layer-title">{titled(layer)}</span>
          <span class="small">{words.value.locked}</span>
        </button>
      )}
      {on && entries.length > 1 && (
        <ul class="legend" aria-label={words.value.legend}>
          {entries.map((entry) => (
            <li key={entry.zh + entry.colour}><Swatch entry={entry} />{said(entry)}</li>
          ))}
        </ul>
      )}
    </li>
  );
}

export function LayerPanel({ counted }: { counted?: Counted }) {
  void switched.value;
  const look = style.value;
  if (!city.value || !look) return null;
  const families = Map.groupBy(city.value.layers, (layer) => said(layer.family));
  return (
    <>
      {[...families].map(([family, members]) => (
        <section key={family} class="family" aria-label={family}>
          <h3>{family}</h3>
          <ul>{members.map((layer) => <Row key={layer.id} layer={layer} look={look} counted={counted} />)}</ul>
        </section>
      ))}
    </>
  );
}
