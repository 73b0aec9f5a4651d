// Step two: the map under the pin, and the other ways to say where.
import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { city, style } from "../shared/catalog";
import { Icon } from "../shared/icons";
import { fill, metres, named, words } from "../shared/i18n";
import { ProblemNote } from "../shared/problem_note";
import { calls, type Hit } from "./calls";
import { change, draft } from "./draft";
import { readNear } from "./near";
import { PasteDialog } from "./paste";
import type { PlaceMap } from "./place_map";
import { go } from "./view";
import { check, checked, deviceError, findDevice, findingDevice, foundByName, foundWide, looksAt, pointedAt, useSuggestion } from "./where_acts";
import { own } from "./words";

const POOR_M = 100;

function Pin() {
  return (
    <svg class="pin" viewBox="0 0 32 44" aria-hidden="true">
      <ellipse class="pin-shadow" cx="16" cy="41" rx="6" ry="2.4" />
      <path class="pin-body" d="M16 42S30 26.500 30 15.500a14 14 0 0 0-28 0C2 26.500 16 42 16 42Z" />
      <circle class="pin-eye" cx="16" cy="15.500" r="5.500" />
    </svg>
  );
}

function MapUnderPin() {
  const box = useRef<HTMLDivElement>(null);
  const ready = city.value !== null && style.value !== null;
  useEffect(() => {
    if (!ready) return;
    let gone = false;
    let made: PlaceMap | undefined;
    let stop = (): void => undefined;
    void import("./place_map").then(({ placeMap }) => {
      if (gone || !box.current) return;
      made = placeMap(box.current, pointedAt);
      const map = made;
      const place = draft.peek().place;
      looksAt.value = place && { ...place.shown, accuracy_m: place.from === "map" ? null : place.told.accuracy_m };
      stop = effect(() => {
        const at = looksAt.value;
        if (at) map.show(at, at.accuracy_m, draft.peek().place !== null);
      });
    });
    return () => {
      gone = true;
      stop();
      made?.stop();
    };
  }, [ready]);
  return <div ref={box} id="map" class="map" />;
}

function Search() {
  const text = own.value;
  const [typed, setTyped] = useState("");
  const [found, setFound] = useState<{ q: string; hits: Hit[] } | null>(null);
  const [failed, setFailed] = useState(false);
  const look = async (event: Event): Promise<void> => {
    event.preventDefault();
    const q = typed.trim();
    if (q.length < 2) return setFound(null);
    setFailed(false);
    try {
      const open = city.peek()?.layers.filter((layer) => layer.allowed).map((layer) => layer.id) ?? [];
      setFound({ q, hits: await calls.search(q, open) });
    } catch {
      setFailed(true);
    }
  };
  const layerName = (id: string): string => {
    const layer = city.value?.layers.find((one) => one.id === id);
    return layer ? named({ name_zh: layer.title_zh, name_en: layer.title_en }) : id;
  };
  return (
    <form class="place-search" role="search" onSubmit={(event) => void look(event)}>
      <div class="place-search-line surface">
        <input class="input" type="search" enterkeyhint="search" aria-label={text.findPlace} placeholder={text.findPlace} value={typed} maxLength={64}
          onInput={(event) => { setTyped(event.currentTarget.value); if (!event.currentTarget.value) setFound(null); }} />
        <button type="submit" class="button primary" data-act="find">{text.findAddress}</button>
      </div>
      {failed && <p class="note warn" role="alert">{text.loadFailed}</p>}
      {found && (
        <div class="surface found" role="status">
          {found.hits.length === 0 && <p class="small">{fill(text.findNone, { q: found.q })}</p>}
          <ul>
            {found.hits.map((hit) => (
              <li key={`${hit.layer}/${hit.key}`}>
                <button type="button" class="row-button" data-hit={hit.key} onClick={() => { setFound(null); setTyped(""); foundByName(hit); }}>
                  <strong>{hit.label}</strong><span class="small">{layerName(hit.layer)}</span>
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </form>
  );
}

function PlaceWords() {
  const text = own.value;
  const place = draft.value.place;
  if (!place && foundWide.value) return <p class="place-words" role="status" data-how="wide">{fill(text.foundWide, { name: foundWide.value })}</p>;
  if (!place) {
    return <p class="place-words" role="status">{findingDevice.value ? text.finding : deviceError.value ? text.deviceErrors[deviceError.value] : text.movePin}</p>;
  }
  const accuracy = metres(place.told.accuracy_m);
  const how = place.from === "device" ? fill(text.fromDevice, { n: accuracy })
    : place.from === "search" ? fill(text.fromSearch, { name: place.name ?? "" })
    : place.from === "pasted" ? fill(text.fromPasted, { crs: place.told.crs }) : text.fromMap;
  const areas = checked.value.status === "fine" ? checked.value.located.areas : null;
  const where = areas && [areas.district, areas.street, areas.community].filter((one) => one !== null).map(named).join(" · ");
  return (
    <div class="place-words" role="status">
      <p><strong data-areas>{where || text.movePin}</strong></p>
      <p class="small" data-how={place.from}>{how}</p>
      {place.from === "map" && place.told.accuracy_m > POOR_M && <p class="note warn">{fill(text.pointCloser, { n: accuracy })}</p>}
      {place.from === "device" && place.told.accuracy_m > POOR_M && <p class="note warn">{fill(text.poorAccuracy, { n: accuracy })}</p>}
      {deviceError.value && <p class="small">{text.deviceErrors[deviceError.value]}</p>}
    </div>
  );
}

export function WhereStep() {
  const text = own.value;
  const [pasting, setPasting] = useState(false);
  const place = draft.value.place;
  const now = checked.value;
  useEffect(() => {
    if (!draft.peek().place) findDevice();
    else void check();
  }, []);
  const suggestion = now.status === "refused" ? now.problem.suggestion : undefined;
  const confirm = (): void => {
    const areas = now.status === "fine" ? now.located.areas : null;
    const name = areas && named((areas.community ?? areas.street ?? areas.district)!);
    if (place && name && !place.name) change({ place: { ...place, name } });
    void readNear();
    go("more");
  };
  return (
    <section class="where-step" aria-labelledby="where-title">
      <h2 id="where-title" class="visually-hidden">{text.whereTitle}</h2>
      <div class="where-map">
        <MapUnderPin />
        <Pin />
        <Search />
        <div class="map-tools">
          <button type="button" class="button surface" onClick={() => setPasting(true)} data-act="paste">{text.pasteCoordinates}</button>
          <button type="button" class="button surface square" aria-label={text.useDevice} title={text.useDevice} disabled={findingDevice.value} onClick={findDevice} data-act="device">
            <Icon name="locate" /></button>
        </div>
      </div>
      <div class="sheet">
        <PlaceWords />
        {now.status === "refused" && <ProblemNote problem={now.problem} />}
        {suggestion && <button type="button" class="button wide" onClick={() => useSuggestion(suggestion)} data-act="suggestion">{words.value.useSuggestion}</button>}
        <button type="button" class="button primary wide big" disabled={!place || now.status === "refused" || (findingDevice.value && !place)} onClick={confirm} data-act="here">
          <Icon name="check" />{findingDevice.value && !place ? text.finding : text.here}
        </button>
      </div>
      {pasting && <PasteDialog onClose={() => setPasting(false)} />}
    </section>
  );
}
