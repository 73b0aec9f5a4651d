// The task list as it is once what waits on this phone has been done.
import { computed } from "@preact/signals";
import type { Task } from "./calls";
import { unsent } from "./sender";
import { tasks } from "./state";

const AFTER: Record<string, { state: string; allowed: string[] }> = {
  ack: { state: "handling", allowed: ["finish", "return"] },
  finish: { state: "handled", allowed: [] },
  return: { state: "returned", allowed: [] },
  not_mine: { state: "reported", allowed: [] },
  verify: { state: "reported", allowed: [] },
  pass: { state: "to_close", allowed: [] },
  fail: { state: "handling", allowed: [] },
};

export interface Shown {
  task: Task;
  state: string;
  allowed: string[];
  /** Acts of this phone that are not sent yet. */
  waits: number;
  refused: boolean;
}

const deadlineOf = ({ task }: Shown): string => task.clock.deadline ?? task.deadline ?? "9";

/** By deadline; what is done on this phone and only waits to be sent comes last. */
export const shownTasks = computed<Shown[]>(() =>
  tasks.value
    .map((task): Shown => {
      const moves = unsent.value.mine.filter((one) => one.kind === "move" && one.case_no === task.case_no);
      const last = moves.map((one) => (one.kind === "move" ? AFTER[one.action] : undefined)).filter(Boolean).at(-1);
      const refused = moves.some((one) => one.problem);
      return { task, state: last?.state ?? task.state, allowed: last?.allowed ?? task.allowed, waits: moves.length, refused };
    })
    .sort((a, b) => Number(a.allowed.length === 0) - Number(b.allowed.length === 0) || deadlineOf(a).localeCompare(deadlineOf(b))),
);
