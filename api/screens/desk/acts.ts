// What can be done at the desk: the key of each act, and what it asks for before it is done.
import type { Action, CasePage } from "./calls";

/**
 * `now`: done at its key. `why`: words. `reason`: one of its reasons by digit. `condition`, `closing`, `organisation`: one of
 * a list, the first marked. `twin`: the case held against it. `ask`: somebody else grants it. `site`: not from a desk.
 */
export type Shape = "now" | "why" | "reason" | "condition" | "closing" | "organisation" | "twin" | "ask" | "correct" | "site";
export interface Kind {
  key: string;
  shape: Shape;
  /** Nothing is done without words. */
  needsWords?: boolean;
}

export const KINDS: Partial<Record<Action, Kind>> = {
  accept: { key: "a", shape: "now" },
  file: { key: "f", shape: "condition" },
  dispatch: { key: "d", shape: "organisation" },
  close: { key: "c", shape: "closing" },
  order_verify: { key: "v", shape: "now" },
  order_check: { key: "e", shape: "now" },
  skip_check: { key: "s", shape: "now" },
  link: { key: "l", shape: "twin" },
  refuse: { key: "r", shape: "reason" },
  reject: { key: "r", shape: "reason" },
  return: { key: "b", shape: "why" },
  send_back: { key: "b", shape: "why", needsWords: true },
  to_acceptor: { key: "t", shape: "why", needsWords: true },
  to_rework: { key: "w", shape: "why", needsWords: true },
  dispute: { key: "y", shape: "why" },
  resume: { key: "g", shape: "now" },
  unlink: { key: "u", shape: "now" },
  correct: { key: "m", shape: "correct", needsWords: true },
  void: { key: "x", shape: "ask", needsWords: true },
  force_close: { key: "x", shape: "ask", needsWords: true },
  verify: { key: "", shape: "site" },
  pass: { key: "", shape: "site" },
  fail: { key: "", shape: "site" },
};

/** Possible at any time, and no step that a case waits for. */
const BESIDE = new Set<Action>(["correct", "void", "force_close", "unlink", "return"]);
export const isStep = (action: Action): boolean => !BESIDE.has(action);

/** As `GET /docs` and docs/reference/moves.md list them; a test holds this to the table of moves. */
export const REASONS: Partial<Record<Action, readonly string[]>> = {
  refuse: ["out_of_scope", "cannot_locate", "not_found", "incomplete", "abusive", "other"],
  reject: ["below_condition", "not_found", "not_city_business", "handled_already", "other"],
};
/** The dispatcher takes back what nobody took on; the other reasons are the holders'. */
export const TAKEN_BACK = "not_acknowledged";

/** The step a state waits for, which Enter does as it is marked. */
export const MAIN: Partial<Record<string, Action>> = { accepted: "file", filed: "dispatch", returned: "dispatch", to_close: "close" };

/** What the one who sits here may do from the desk, what is done most first. */
const ORDER = Object.keys(KINDS);
export function actsOf(page: CasePage): Action[] {
  return [...page.allowed].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)).filter((action) => {
    // Out of the holder's hands it comes by a request that is granted.
    if (action === "return") return page.state === "dispatched";
    return KINDS[action] !== undefined && KINDS[action]?.shape !== "site";
  });
}

export const mainOf = (page: CasePage): Action | null => {
  const main = MAIN[page.state];
  return main && page.allowed.includes(main) ? main : null;
};

export const onSite = (page: CasePage): boolean => page.allowed.some((action) => KINDS[action]?.shape === "site");
