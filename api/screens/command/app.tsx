// The wall: the city's map from edge to edge, and over it what the city's numbers say.
import { effect, untracked } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { city, readCity, unreachable } from "../shared/catalog";
import { words } from "../shared/i18n";
import { me, signingIn } from "../shared/session";
import { SignInDialog } from "../shared/sign_in";
import { Alarms } from "./alarms";
import { CaseCard } from "./case_card";
import { TopTen } from "./categories";
import { Curve } from "./curve";
import { Drawer } from "./drawer";
import { keepReading } from "./figures";
import { Head } from "./head";
import { AreaCard } from "./map/area_card";
import { DayPlayer } from "./map/day_player";
import { HereCard } from "./map/here_card";
import { Layers } from "./map/layers";
import { Stage } from "./map/stage";
import { Tools } from "./map/tools";
import { Newest } from "./newest";
import { Signs } from "./signs";
import { area, asked, openCase, openNumber } from "./state";
import { Streets } from "./streets";
import { own } from "./words";

/** Says on the root element what the panels cover, so that the map's middle is the middle of what is left. */
function useCovered() {
  const wall = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const at = wall.current;
    if (!at) return;
    const measure = (): void => {
      const whole = at.getBoundingClientRect();
      const box = (name: string): DOMRect | null => {
        const found = at.querySelector(name)?.getBoundingClientRect();
        return found && found.width > 0 && found.height > 0 ? found : null;
      };
      const right = box(".wall-cards") ?? box(".wall-right");
      const covered = {
        left: (box(".wall-left")?.right ?? whole.left) - whole.left,
        right: whole.right - (right?.left ?? whole.right),
        top: (box(".signs")?.bottom ?? box(".head")?.bottom ?? whole.top) - whole.top,
        bottom: whole.bottom - (box(".wall-bottom")?.top ?? whole.bottom),
      };
      const root = document.documentElement.style;
      for (const [side, px] of Object.entries(covered)) {
        const told = `${Math.round(px)}px`;
        if (root.getPropertyValue(`--wall-${side}`) !== told) root.setProperty(`--wall-${side}`, told);
      }
    };
    const watch = new ResizeObserver(measure);
    for (const each of [at, ...at.querySelectorAll(".head, .signs, .wall-left, .wall-right, .wall-cards, .wall-bottom")]) watch.observe(each);
    measure();
    return () => watch.disconnect();
  }, [Boolean(me.value), Boolean(city.value)]);
  return wall;
}

/** The last thing that was asked for is what the card shows. */
effect(() => {
  if (!asked.value && !area.value) return;
  untracked(() => {
    openCase.value = null;
    openNumber.value = null;
  });
});

/** Escape closes the card that is uppermost, before the map hears of it. */
function closing(): () => void {
  const close = (event: KeyboardEvent): void => {
    const open = openCase.peek() ? openCase : openNumber.peek() ? openNumber : null;
    if (event.key !== "Escape" || !open || document.querySelector("dialog[open], :popover-open")) return;
    event.preventDefault();
    open.value = null;
  };
  document.addEventListener("keydown", close, true);
  return () => document.removeEventListener("keydown", close, true);
}

function Cards() {
  return openCase.value ? <CaseCard /> : openNumber.value ? <Drawer /> : <><HereCard /><AreaCard /></>;
}

export function App() {
  const text = words.value;
  const wall = useCovered();
  useEffect(keepReading, []);
  useEffect(closing, []);
  // A wall without a sign-in is a map; somebody who opens it wants more.
  const stranger = city.value !== null && !me.value;
  useEffect(() => {
    if (stranger) signingIn.value = true;
  }, [stranger]);
  if (unreachable.value && !city.value) {
    return <main class="failed"><div class="surface stack" role="alert"><p>{text.loadFailed}</p><button type="button" class="button primary" onClick={() => void readCity()}>{text.tryAgain}</button></div></main>;
  }
  if (!city.value) return <main class="failed"><p role="status">{text.loading}</p></main>;
  return (
    <div class="wall" ref={wall} data-signed={me.value ? "in" : "out"}>
      <a class="skip" href="#map" onClick={(event) => {
        event.preventDefault();
        document.querySelector<HTMLElement>("#map canvas")?.focus();
      }}>{text.skipToMap}</a>
      <Head />
      <main class="wall-map" aria-label={own.value.title}><Stage /></main>
      {me.value && <Signs />}
      {me.value && <div class="wall-left"><Curve /><TopTen /></div>}
      <div class="wall-tools"><Tools /><Layers /></div>
      <div class="wall-cards"><Cards /></div>
      {me.value && <div class="wall-right"><Alarms /><Newest /><Streets /></div>}
      <div class="wall-bottom"><DayPlayer /></div>
      <SignInDialog />
    </div>
  );
}
