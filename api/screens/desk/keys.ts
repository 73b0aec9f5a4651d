// The keys of the desk. They never act while somebody types, while a dialog is open, or together with Ctrl, Alt or Meta.
import { act, cancel, choose, confirm, form } from "./act_state";
import { actsOf, KINDS } from "./acts";
import { open, opened, page } from "./case_state";
import { move, selected } from "./inbox_state";
import { calling, goBack, helping, startCall, switchTab, tab } from "./state";

const TYPING = "input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]";

export const focusOn = (selector: string): void => {
  // After the screen has shown what the key brought about.
  requestAnimationFrame(() => document.querySelector<HTMLElement>(selector)?.focus());
};

function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey || event.repeat && event.key === "Enter") return;
  if (document.querySelector("dialog[open]")) return;
  if (target.matches(TYPING)) {
    // Out of the field; what is typed in it stays.
    if (event.key === "Escape") target.blur();
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (handled(key, target)) event.preventDefault();
}

function handled(key: string, target: HTMLElement): boolean {
  switch (key) {
    case "j": case "ArrowDown": return step(1, target, key);
    case "k": case "ArrowUp": return step(-1, target, key);
    case "?": helping.value = true; return true;
    case "/": focusOn("#desk-search"); return true;
    case "n": startCall(); return true;
    case "z": goBack(); return true;
    case "i": switchTab(tab.peek() === "inbox" ? "approvals" : "inbox"); return true;
    case "Escape":
      if (form.peek()) cancel();
      else if (calling.peek()) calling.value = false;
      else return false;
      return true;
    case "Enter": return enter(target);
  }
  if (calling.peek()) return false;
  if (/^[1-9]$/.test(key)) {
    choose(Number(key) - 1);
    return true;
  }
  const now = page.peek();
  const action = now && actsOf(now).find((one) => KINDS[one]?.key === key);
  if (!action) return false;
  act(action);
  return true;
}

function step(by: number, target: HTMLElement, key: string): boolean {
  // On the map, arrows move the map.
  if (key.startsWith("Arrow") && target.closest("#map")) return false;
  if (tab.peek() !== "inbox") return false;
  move(by);
  focusOn("[data-row][aria-current=true]");
  return true;
}

function enter(target: HTMLElement): boolean {
  const row = target.closest<HTMLElement>("[data-row]")?.dataset.row;
  // Any other button or link does what it says, and on the map Enter is the map's.
  if (!row && target.closest("button, a, summary, #map, [role=tab]")) return false;
  if (calling.peek()) return false;
  const chosen = row ?? selected.peek();
  if (chosen && chosen !== opened.peek()) void open(chosen);
  else confirm();
  return true;
}

export function listenToKeys(): () => void {
  window.addEventListener("keydown", onKey);
  return () => window.removeEventListener("keydown", onKey);
}
