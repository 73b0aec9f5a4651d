// What waits to be sent, one by one: what the server said against it, once more, or not at all.
import { useRef, useState } from "preact/hooks";
import { dayAndTime, fill, named, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { discard, type WaitingItem } from "../shared/outbox";
import { ProblemNote } from "../shared/problem_note";
import { counted, exclusively, flushNow, line, retry, unsent } from "./sender";
import { shownTasks } from "./shown_tasks";
import { ended } from "./state";
import { megabytes, own } from "./words";
import { tell } from "../shared/tabs";

function titleOf(item: WaitingItem): string {
  const text = own.value;
  if (item.kind === "report") return fill(text.reportItem, { name: item.name });
  const task = shownTasks.value.find((one) => one.task.case_no === item.case_no)?.task;
  return fill(text.moveItem, { action: text.acts[item.action] ?? item.action, name: task ? named(task.category) : item.case_no });
}

export function Outbox() {
  const text = own.value;
  const [gone, setGone] = useState<WaitingItem | null>(null);
  const sure = useRef<HTMLDialogElement>(null);
  const { mine } = unsent.value;
  const giveUp = async (): Promise<void> => {
    sure.current?.close();
    if (gone) await exclusively(() => discard(gone));
    await counted();
    tell("outbox");
  };
  return (
    <section class="page" aria-labelledby="outbox-title">
      <header class="page-head"><button type="button" class="button quiet square" aria-label={text.back} onClick={() => history.back()} data-act="back"><Icon name="back" /></button>
        <h1 id="outbox-title">{text.outboxTitle}</h1>
        {mine.length > 0 && <button type="button" class="button" onClick={flushNow} disabled={line.value === "sending" || ended.value}>{text.sendNow}</button>}</header>
      {mine.length === 0 && <p class="empty">{text.nothingUnsent}</p>}
      <ol class="outbox-list">
        {mine.map((item) => (
          <li key={item.id} class="card" data-item={item.id} data-refused={item.problem ? "" : undefined}>
            <p><strong>{titleOf(item)}</strong></p>
            <p class="small">{dayAndTime(item.at)}{item.kind === "move" && ` · ${item.case_no}`}{item.photos.length > 0 && ` · ${fill(text.photosCount, { n: item.photos.length })} (${megabytes(item.bytes)})`}</p>
            {item.problem && <ProblemNote problem={item.problem} />}
            <div class="item-acts">
              {item.problem && <button type="button" class="button primary" onClick={() => void retry(item)} data-act="retry">{text.retry}</button>}
              <button type="button" class="button" onClick={() => { setGone(item); sure.current?.showModal(); }} data-act="discard">{text.discard}</button>
            </div>
          </li>
        ))}
      </ol>
      <dialog ref={sure} class="dialog surface" aria-label={text.discard}>
        <div class="stack"><p>{text.discardSure}</p>
          <button type="button" class="button primary wide" onClick={() => void giveUp()} data-act="discard-sure">{text.discardYes}</button>
          <button type="button" class="button wide" onClick={() => sure.current?.close()}>{words.value.cancel}</button></div>
      </dialog>
    </section>
  );
}
