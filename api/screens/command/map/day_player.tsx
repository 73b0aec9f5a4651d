// The day, played hour by hour over the hotspots: how many in each hour, which hour is shown, and of what period.
import { clock, fill } from "../../shared/i18n";
import { Icon } from "../../shared/icons";
import { byHour, days, dots, fullest, HOURS, hotspots, hour, PERIODS, playing, shownDots, shownFrom, unread } from "./hotspots";
import { hourAndMinute, hourOfDay, number, when } from "./time";
import { own } from "./words";

const HOUR_MS = 3_600_000;

/** What is shown, in words: from when to when, and how many. */
function Said() {
  const text = own.value;
  const known = dots.value;
  if (!known) return <span class="small" role="status">{text.asking}</span>;
  const now = shownFrom.value;
  const span = now === null ? (days.value === 1 ? `${when(known.since)} – ${hourAndMinute(known.until)}` : `${when(known.since)} – ${when(known.until)}`)
    : days.value === 1 ? `${hourAndMinute(known.since + now.from * HOUR_MS)}–${hourAndMinute(known.since + now.to * HOUR_MS)}`
    : `${hourOfDay(now.from)}–${hourOfDay(now.to)}`;
  return (
    <span class="player-said">
      <strong data-hours>{span}</strong> <span data-shown={shownDots.value.length}>{known.all.length === 0 ? text.noDots : fill(text.shown, { n: number(shownDots.value.length) })}</span>
      {days.value !== 1 && <span class="small"> {fill(text.folded, { d: days.value })}</span>}
      {known.more && <span class="small"> {fill(text.newest, { n: number(known.all.length) })}</span>}
      {unread.value > 0 && <span class="badge warn" data-stale><Icon name="warn" />{fill(text.unread, { t: clock(unread.value) })}</span>}
    </span>
  );
}

function Bars() {
  const counts = byHour.value;
  const most = Math.max(1, ...counts);
  const now = shownFrom.value;
  const lit = (n: number): boolean => now === null || Array.from({ length: now.to - now.from }, (_, k) => (now.from + k + HOURS) % HOURS).includes(n);
  return (
    <div class="player-bars" aria-hidden="true">
      {counts.map((count, n) => <span key={n} class={lit(n) ? "lit" : ""} style={{ height: `${Math.max(2, (100 * count) / most)}%` }} />)}
    </div>
  );
}

export function DayPlayer() {
  const text = own.value;
  if (hotspots.value === "off") return null;
  const now = hour.value;
  return (
    <section class="glass player" data-panel="player" aria-label={text.player}>
      <button type="button" class="button square player-play" data-act="play" aria-label={playing.value ? text.pause : text.play}
        onClick={() => { playing.value = !playing.value; if (playing.value && hour.value === null) hour.value = 0; }}>
        <Icon name={playing.value ? "pause" : "play"} /></button>
      <div class="player-middle">
        <div class="player-line">
          <Said />
          {hotspots.value === "hexagons" && <span class="ramp small"><span>{text.few}</span><span class="ramp-colours" aria-hidden="true" /><span>{fill(text.most, { n: fullest.value })}</span></span>}
          {hotspots.value === "heat" && <span class="ramp small"><span>{text.few}</span><span class="ramp-colours" aria-hidden="true" /><span>{text.many}</span></span>}
        </div>
        <Bars />
        <input type="range" class="player-range" min={0} max={HOURS - 1} step={1} value={now ?? HOURS - 1} data-all={now === null} aria-label={text.hourLabel}
          aria-valuetext={now === null ? text.allHours : `${hourOfDay(now)}`}
          onInput={(event) => { playing.value = false; hour.value = Number(event.currentTarget.value); }} />
      </div>
      <div class="player-side">
        <button type="button" class="button" data-act="all-hours" aria-pressed={now === null} onClick={() => { playing.value = false; hour.value = null; }}>{text.allHours}</button>
        <div class="segments" role="group" aria-label={text.daysLabel}>
          {PERIODS.map((each) => (
            <button key={each} type="button" class="segment" data-days={each} aria-pressed={days.value === each} onClick={() => { days.value = each; }}>{text.days[each]}</button>
          ))}
        </div>
      </div>
    </section>
  );
}
