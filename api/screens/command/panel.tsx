// A panel of the wall: its title, what it is about, how fresh it is.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { clock, fill, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import type { Figure } from "./figures";
import { own } from "./words";

/** Said only when a number could not be read anew: it stays, and this is how old it is. */
export function Stale({ figure }: { figure: Figure<unknown> }) {
  if (!figure.failing) return null;
  return (
    <span class="badge warn" role="status" data-stale>
      <Icon name="warn" />{figure.at ? fill(own.value.notRefreshed, { t: clock(figure.at) }) : own.value.neverRead}
    </span>
  );
}

interface PanelProps {
  id: string;
  title: string;
  /** Beside the title. */
  aside?: ComponentChildren;
  figure?: Figure<unknown>;
  onClose?: () => void;
  children: ComponentChildren;
}

export function Panel({ id, title, aside, figure, onClose, children }: PanelProps) {
  const heading = useId();
  const waiting = figure && !figure.value && !figure.failing && !figure.refused;
  return (
    <section class={`glass part part-${id}`} data-panel={id} aria-labelledby={heading} aria-busy={waiting || undefined}>
      <header class="part-head">
        <h2 id={heading}>{title}</h2>
        {figure && <Stale figure={figure} />}
        {aside}
        {onClose && <button type="button" class="button quiet square" aria-label={words.value.close} data-act={`close-${id}`} onClick={onClose}><Icon name="close" /></button>}
      </header>
      {figure?.refused ? <p class="part-body small" data-refused>{own.value.notForRole}</p>
        : waiting ? <p class="part-body small" role="status">{own.value.reading}</p>
        : children}
    </section>
  );
}
