// Where in the page the officer is.
import { signal } from "@preact/signals";

export type Tab = "tasks" | "map" | "report" | "near" | "mine";
export interface View {
  tab: Tab;
  case_no?: string;
  /** The form of an action over the task's page. */
  act?: string;
  outbox?: boolean;
}
export const view = signal<View>({ tab: "tasks" });

/** The phone's own way back leads to what was shown before. */
export function go(to: View): void {
  history.pushState(to, "");
  view.value = to;
}
addEventListener("popstate", (event) => {
  view.value = (event.state as View | null) ?? { tab: "tasks" };
});
