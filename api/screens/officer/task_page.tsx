// One task: where it is, what it is, what is asked, what can be done.
import { useState } from "preact/hooks";
import { dayAndTime, fill, language, named, said, wordFor, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { act } from "./acts";
import { distance } from "./inside";
import { arrived, here } from "./position";
import { shownTasks } from "./shown_tasks";
import { contact, handbook, opened } from "./state";
import { Due } from "./tasks";
import { go } from "./view";
import { away, far, own } from "./words";

/** Acts that this page knows, in the order in which they are offered; those without a form are done at once. */
const ACTS = ["ack", "finish", "verify", "pass", "fail", "step_done", "return", "not_mine"];
const AT_ONCE = new Set(["ack", "step_done"]);

function Handbook({ category }: { category: string }) {
  const text = own.value;
  const entries = handbook.value[category] ?? [];
  const one = entries.find((each) => each.is_default) ?? entries[0];
  if (!one) return null;
  const closing = language.value === "en" ? one.closing_en || one.closing_zh : one.closing_zh;
  const collection = language.value === "en" ? one.collection_en || one.collection_zh : one.collection_zh;
  const limits = one.limits.filter((each) => !each.season && !each.area_grade).map((each) => said(each)).join(" · ");
  return (
    <section class="card" data-handbook={category}>
      <h2>{text.handbook}</h2>
      <dl class="facts">
        {closing && <div class="fact"><dt>{text.closing}</dt><dd>{closing}</dd></div>}
        {collection && <div class="fact"><dt>{text.collection}</dt><dd>{collection}</dd></div>}
        {limits && <div class="fact"><dt>{text.limits}</dt><dd>{limits}</dd></div>}
      </dl>
    </section>
  );
}

function Story({ case_no }: { case_no: string }) {
  const text = own.value;
  const whole = opened.value?.case_no === case_no ? opened.value : null;
  if (!whole) return null;
  const photos = [...new Set(whole.reports.flatMap((report) => report.photos))];
  const written = whole.reports.map((report) => report.text).filter(Boolean);
  return (
    <>
      <section class="card">
        <h2>{text.what}</h2>
        {written.length > 0 ? written.map((each, n) => <p key={n} class="written" data-written>{each}</p>) : <p class="small">{text.textHidden}</p>}
        {photos.length > 0 && (contact.value === "online"
          ? <ul class="shots" aria-label={text.photosOf}>{photos.map((sha256, n) => <li key={sha256}><a href={`/api/photos/${sha256}`} target="_blank" rel="noopener"><img src={`/api/photos/${sha256}/thumb?size=large`} alt={fill(text.photo, { n: n + 1 })} loading="lazy" /></a></li>)}</ul>
          : <p class="small">{text.photosOffline}</p>)}
      </section>
      <section class="card">
        <h2>{text.history}</h2>
        <ol class="story">{whole.history.map((entry) => <li key={entry.seq}><span>{said(entry)}</span><span class="small">{dayAndTime(entry.at)}</span>{entry.reason && <span class="small written">{entry.reason}</span>}</li>)}</ol>
      </section>
    </>
  );
}

export function TaskPage({ case_no }: { case_no: string }) {
  const text = own.value;
  const [there, setThere] = useState<number | null>(null);
  const one = shownTasks.value.find(({ task }) => task.case_no === case_no);
  const at = here.value;
  const back = <button type="button" class="button quiet square" aria-label={text.back} onClick={() => go({ tab: "tasks" })} data-act="back"><Icon name="back" /></button>;
  if (!one) return <section class="page"><header class="page-head">{back}<h1>{case_no}</h1></header><p class="empty">{text.notTasks}</p><Story case_no={case_no} /></section>;
  const { task, allowed, state, waits, refused } = one;
  const offered = ACTS.filter((each) => allowed.includes(each));
  const m = at && distance(at, task);
  return (
    <section class="page task-page" aria-labelledby="task-title" data-task={case_no} data-state={state}>
      <header class="page-head">{back}<h1 id="task-title">{named(task.category)}</h1><Due task={task} /></header>
      {waits > 0 && <p class={refused ? "note bad" : "note"} role="status" data-waits={waits}>{refused ? text.refusedHere : text.doneHere}</p>}
      <section class="card">
        <dl class="facts">
          <div class="fact"><dt>{words.value.state}</dt><dd><strong>{wordFor(words.value.states, state)}</strong> · {case_no}</dd></div>
          <div class="fact"><dt>{text.where}</dt><dd>{at ? <strong data-away>{away(at, task)}</strong> : text.noPosition}<span class="small"> {task.lon.toFixed(5)}, {task.lat.toFixed(5)}</span></dd></div>
          {task.zone && <div class="fact"><dt>{text.zone}</dt><dd>{named(task.zone)}</dd></div>}
          {task.grid_cell && <div class="fact"><dt>{text.cell}</dt><dd>{task.grid_cell}</dd></div>}
          <div class="fact"><dt>{text.holder}</dt><dd>{named(task.organisation)}</dd></div>
          <div class="fact"><dt>{text.deadline}</dt><dd>{task.clock.deadline ? dayAndTime(task.clock.deadline) : text.noLimit}</dd></div>
        </dl>
        {at && m !== null && offered.length > 0 && (
          <button type="button" class="button wide" data-act="arrive" onClick={() => { setThere(m); void arrived(); }}><Icon name="locate" />{text.arrive}</button>
        )}
        {there !== null && <p class="note" role="status" data-arrived>{fill(text.arrived, { m: far(there) })}</p>}
      </section>
      <Handbook category={task.category.code} />
      <Story case_no={case_no} />
      {offered.length === 0 && waits === 0 && <p class="small">{text.nothingToDo}</p>}
      {offered.length > 0 && (
        <div class="act-bar">
          {offered.map((each, n) => (
            <button key={each} type="button" class={n === 0 ? "button primary" : "button"} data-act={each}
              onClick={() => (AT_ONCE.has(each) ? void act(case_no, each, {}) : go({ tab: "tasks", case_no, act: each }))}>{text.acts[each]}</button>
          ))}
        </div>
      )}
    </section>
  );
}
