// "Who is responsible here": the answer, how sure it is, why, and until when.
import { Icon } from "../shared/icons";
import { dayAndTime, fill, metres, named, posted, said, wordFor, words } from "../shared/i18n";
import { CategoryBox } from "../shared/category_box";
import { ProblemNote } from "../shared/problem_note";
import type { Candidate, Dispatch, Located, Post } from "../shared/types";
import { askAtCentre } from "./map_pane";
import { UnderHere } from "./under_here";
import { ask, asked, categories, category, chooseCategory, pane, place, sent, startOver } from "./state";

const Line = ({ label, children }: { label: string; children: preact.ComponentChildren }) => (
  <div class="fact"><dt>{label}</dt><dd>{children}</dd></div>
);

const person = (post: Post): string => [posted(post), post.name, post.code && `(${post.code})`].filter(Boolean).join(" ");

type Addressees = Pick<Dispatch, "mode" | "organisation" | "handler"> & { superior?: Dispatch["superior"] };

/** Organisation and posts, shared by the answer and the receipt of a report. */
export function WhoGetsIt({ dispatch }: { dispatch: Addressees }) {
  const text = words.value;
  return (
    <div class="who">
      <p class="who-organisation" data-organisation={dispatch.organisation.code}>{named(dispatch.organisation)}</p>
      {dispatch.mode === "desk" && <p class="badge warn">{text.onDesk}</p>}
      {(dispatch.handler || dispatch.superior) && (
        <dl class="chain">
          {dispatch.handler && <Line label={text.handler}>{person(dispatch.handler)}</Line>}
          {dispatch.superior && <Line label={text.superior}>{person(dispatch.superior)}</Line>}
        </dl>
      )}
    </div>
  );
}

function Confidence({ dispatch }: { dispatch: Dispatch }) {
  const text = words.value;
  const percent = Math.round(dispatch.confidence * 100);
  return (
    <div class="confidence">
      <div class="confidence-line">
        <span>{text.confidence} <strong>{percent}%</strong></span>
        {dispatch.ambiguous ? <span class="badge warn"><Icon name="warn" />{text.ambiguous}</span>
          : percent === 100 && <span class="small">{text.sure}</span>}
      </div>
      <meter min={0} max={100} low={60} high={90} optimum={100} value={percent} aria-label={text.confidence}>{percent}%</meter>
    </div>
  );
}

/** Who else was in question: the winner's own zone is left out, and nobody is named twice for one zone. */
function others(dispatch: Dispatch): Candidate[] {
  const seen = new Set<string>();
  return dispatch.candidates.filter((one) => {
    const key = `${one.organisation?.code ?? ""}/${one.zone?.code ?? ""}`;
    const itself = dispatch.zone ? one.zone?.code === dispatch.zone.code : one.organisation?.code === dispatch.organisation.code;
    if (itself || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function Ambiguity({ dispatch }: { dispatch: Dispatch }) {
  const text = words.value;
  const rest = others(dispatch);
  if (!dispatch.question && rest.length === 0) return null;
  return (
    <>
      {dispatch.question && <p class="note warn"><strong>{said(dispatch.question)}</strong></p>}
      {rest.length > 0 && (
        <div>
          <h3>{dispatch.ambiguous ? text.candidates : text.alsoHere}</h3>
          <ul class="candidates">
            {rest.map((one, index) => (
              <li key={index}>
                <span>{[one.organisation && named(one.organisation), (one.zone ? named(one.zone) : null)].filter(Boolean).join(" · ")}</span>
                {one.distance_m != null && one.distance_m > 0 && <span class="small">{fill(text.away, { n: metres(one.distance_m) })}</span>}
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

/** A question comes before the reasons; zones that merely overlap here come after them. */
export function Explained({ dispatch }: { dispatch: Dispatch }) {
  return dispatch.ambiguous
    ? <><Ambiguity dispatch={dispatch} /><Reasons dispatch={dispatch} /></>
    : <><Reasons dispatch={dispatch} /><Ambiguity dispatch={dispatch} /></>;
}

const Reasons = ({ dispatch }: { dispatch: Dispatch }) => (
  <div>
    <h3>{words.value.reasons}</h3>
    <ol class="reasons">{dispatch.reasons.map((reason, index) => <li key={index} data-reason={reason.code}>{said(reason)}</li>)}</ol>
  </div>
);

function Answer({ located }: { located: Located }) {
  const text = words.value;
  const areas = [located.areas.district, located.areas.street, located.areas.community].filter((one) => one != null);
  return (
    <div class="answer" data-answer>
      <WhoGetsIt dispatch={located} />
      <Confidence dispatch={located} />
      <Explained dispatch={located} />
      <dl class="facts">
        {located.zone && <Line label={text.zone}>{named(located.zone)} <span class="small">{located.zone.code}</span></Line>}
        {located.part && <Line label={text.part}>{named(located.part)} <span class="small">{located.part.code}{located.part.distance_m != null && ` · ${fill(text.away, { n: metres(located.part.distance_m) })}`}</span></Line>}
        {located.grid_cell && <Line label={text.gridCell}><code>{located.grid_cell}</code></Line>}
        {areas.length > 0 && <Line label={text.areas}>{areas.map(named).join(" › ")}</Line>}
        <Line label={text.validUntil}>{located.valid_until ? dayAndTime(located.valid_until) : text.validAlways}</Line>
      </dl>
      <UnderHere />
      <p class="small">{located.boundary ? text.boundaryShown : text.boundaryNone}</p>
    </div>
  );
}

export function AskCard() {
  const text = words.value;
  const now = asked.value;
  const at = place.value;
  return (
    <>
      <CategoryBox categories={categories.value} value={category.value} onChoose={chooseCategory} />
      <div aria-live="polite" aria-busy={now.status === "asking"} class="stack">
        {now.status === "idle" && <p class="hint"><Icon name="ask" />{text.askHint}</p>}
        {now.status === "asking" && <p class="hint">{text.asking}</p>}
        {now.status === "unreachable" && (
          <div class="note bad" role="alert"><strong>{text.noAnswer.split(/[，;]/)[0]}</strong><button type="button" class="link" onClick={() => void ask()}>{text.tryAgain}</button></div>
        )}
        {now.status === "refused" && <ProblemNote problem={now.problem} />}
        {now.status === "answered" && <Answer located={now.located} />}
        {at && (
          <p class="small place-line">
            {text.position} {at.lon.toFixed(5)}, {at.lat.toFixed(5)} · {text.accuracy} ±{metres(at.accuracy_m)}
            {now.status === "answered" && wordFor(text.modes, now.located.mode) && <> · {wordFor(text.modes, now.located.mode)}</>}
          </p>
        )}
      </div>
      <div class="actions">
        {at ? (
          <button type="button" class="button primary wide" data-act="report-here" onClick={() => {
            if (sent.value.status === "answered") startOver();
            pane.value = "report";
          }}><Icon name="flag" />{text.reportHere}</button>
        ) : (
          <button type="button" class="button wide" onClick={askAtCentre}><Icon name="locate" />{text.askCentre}</button>
        )}
      </div>
    </>
  );
}
