// A card of the map's side, in the look of the wall's panels.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { words } from "../../shared/i18n";
import { Icon } from "../../shared/icons";
import { ProblemNote } from "../../shared/problem_note";
import type { Answer } from "./here";
import { own } from "./words";

export function Card({ id, title, aside, onClose, children }: { id: string; title: string; aside?: ComponentChildren; onClose: () => void; children: ComponentChildren }) {
  const heading = useId();
  return (
    <section class={`glass part map-card part-${id}`} data-panel={id} aria-labelledby={heading}>
      <header class="part-head">
        <h2 id={heading}>{title}</h2>
        {aside}
        <button type="button" class="button quiet square" aria-label={words.value.close} data-act={`close-${id}`} onClick={onClose}><Icon name="close" /></button>
      </header>
      <div class="part-body stack map-card-body">{children}</div>
    </section>
  );
}

/** What was asked for: on its way, refused in words, lost, or what `show` makes of it. */
export function Told<T>({ answer, onAgain, show }: { answer: Answer<T>; onAgain: () => void; show: (told: T) => ComponentChildren }) {
  if (answer.status === "asking") return <p class="small" role="status">{own.value.asking}</p>;
  if (answer.status === "refused") return <ProblemNote problem={answer.problem} />;
  if (answer.status === "unreachable") {
    return <div class="note bad" role="alert">{own.value.readFailed} <button type="button" class="link" onClick={onAgain}>{words.value.tryAgain}</button></div>;
  }
  return <>{show(answer.told)}</>;
}
