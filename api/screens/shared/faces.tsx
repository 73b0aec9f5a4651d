// The way from one screen to another: what everybody may open, and of the rest what the signed-in role works with.
import { useId, useRef } from "preact/hooks";
import { words } from "./i18n";
import { Icon, type IconName } from "./icons";
import { me } from "./session";
import type { Messages } from "./messages/zh-CN";

type Word = keyof Messages["faces"];
interface Face {
  path: string;
  icon: IconName;
  name: Word;
  is: Word;
  /** Whose work it shows; anybody may open it where nobody is named. */
  roles?: readonly string[];
}

const FACES: readonly Face[] = [
  { path: "/", icon: "layers", name: "map", is: "mapIs" },
  { path: "/report", icon: "flag", name: "report", is: "reportIs" },
  { path: "/docs", icon: "book", name: "docs", is: "docsIs" },
  { path: "/screen", icon: "wall", name: "screen", is: "screenIs",
    roles: ["leader", "shift_leader", "dispatcher", "acceptor", "inspector", "planner", "coordinator", "admin"] },
  { path: "/desk", icon: "desk", name: "desk", is: "deskIs",
    roles: ["acceptor", "shift_leader", "dispatcher", "inspector", "leader", "coordinator", "department", "admin"] },
  { path: "/officer", icon: "phone", name: "officer", is: "officerIs", roles: ["officer", "handler", "supervisor", "department"] },
];

/** Before a sign-in nobody knows whose work it is, so that staff find their screen from any other. */
const fits = ({ roles }: Face): boolean => !roles || !me.value || roles.includes(me.value.role);

const GAP = 8;

function FaceLink({ face }: { face: Face }) {
  const text = words.value.faces;
  return (
    <a class="face" href={face.path} data-face={face.name} aria-current={location.pathname === face.path ? "page" : undefined}>
      <Icon name={face.icon} /><strong>{text[face.name]}</strong><span class="small">{text[face.is]}</span>
    </a>
  );
}

/** A button that opens the list; Escape, a click elsewhere or leaving it by Tab closes it (the browser sees to that). */
export function FacesMenu() {
  const text = words.value.faces;
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const staff = FACES.filter((face) => face.roles && fits(face));
  const place = (event: Pick<ToggleEvent, "newState" | "currentTarget">) => {
    const list = event.currentTarget as HTMLElement;
    if (event.newState !== "open" || !button.current) return;
    // It lies above everything, where the button is, and wholly in the window.
    const { left, bottom } = button.current.getBoundingClientRect();
    list.style.left = `${Math.max(GAP, Math.min(left, innerWidth - list.offsetWidth - GAP))}px`;
    list.style.top = `${Math.max(GAP, Math.min(bottom + 4, innerHeight - list.offsetHeight - GAP))}px`;
  };
  return (
    <>
      <button ref={button} type="button" class="button quiet square" popoverTarget={id} aria-label={text.open} title={text.open} data-act="faces">
        <Icon name="faces" />
      </button>
      <nav id={id} popover="auto" class="faces-list surface" aria-label={text.open} onToggle={place}>
        <p class="small">{text.all}</p>
        {FACES.filter((face) => !face.roles).map((face) => <FaceLink key={face.path} face={face} />)}
        {staff.length > 0 && <p class="small">{text.staff}</p>}
        {staff.map((face) => <FaceLink key={face.path} face={face} />)}
      </nav>
    </>
  );
}
