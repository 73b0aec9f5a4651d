// What there is to do, what runs out first on top.
import { fill, named, wordFor, words } from "../shared/i18n";
import { Icon } from "../shared/icons";
import { here } from "./position";
import type { Task } from "./calls";
import { shownTasks, type Shown } from "./shown_tasks";
import { heardAt } from "./state";
import { go } from "./view";
import { away, lasting, own } from "./words";

/** Until when, in words; colour and sign say the same. */
export function Due({ task }: { task: Task }) {
  const text = own.value;
  const { light, left_s } = task.clock;
  if (left_s === null) return <span class="due grey">{task.clock.deadline ? text.paused : text.noLimit}</span>;
  // Reckoned on: the list may be hours old where there is no network.
  const left = task.clock.deadline ? (Date.parse(task.clock.deadline) - Date.now()) / 1000 : left_s;
  const late = left < 0;
  return (
    <span class={`due ${late ? "red" : light === "green" ? "green" : "yellow"}`} data-light={late ? "red" : light}>
      {late && <Icon name="warn" />}{fill(late ? text.overdue : text.dueIn, { t: lasting(left) })}
    </span>
  );
}

function Row({ one }: { one: Shown }) {
  const text = own.value;
  const { task } = one;
  const at = here.value;
  const severity = words.value.severities[task.severity];
  return (
    <li>
      <button type="button" class="task" onClick={() => go({ tab: "tasks", case_no: task.case_no })} data-case={task.case_no}>
        <span class="task-head"><strong>{named(task.category)}</strong>{severity && <span class={`badge ${task.severity === "danger" ? "bad" : "warn"}`}>{severity}</span>}{task.asked && <span class="badge">{text.asked}</span>}</span>
        {one.waits > 0 ? <span class={one.refused ? "due red" : "due grey"}>{one.refused && <Icon name="warn" />}{text.waits}</span> : <Due task={task} />}
        <span class="small">{task.zone ? named(task.zone) : task.grid_cell}</span>
        <span class="small task-far">{at && away(at, task)}</span>
        <span class="small task-state">{wordFor(words.value.states, one.state)} · {task.case_no}</span>
      </button>
    </li>
  );
}

export function TaskList() {
  const text = own.value;
  const all = shownTasks.value;
  const open = all.filter((one) => one.waits === 0 || one.allowed.length > 0).length;
  return (
    <section class="page" aria-labelledby="tasks-title">
      <h1 id="tasks-title" class="page-title" tabIndex={-1}>{fill(text.tasksCount, { n: open })}</h1>
      {all.length === 0 && <p class="empty">{heardAt.value ? text.tasksNone : text.tasksNever}</p>}
      <ul class="task-list" data-tasks={all.length}>{all.map((one) => <Row key={one.task.case_no} one={one} />)}</ul>
    </section>
  );
}
