// A searchable list of categories: the ARIA combobox with a listbox, by keyboard and pointer alike.
import { useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { fill, named, words } from "./i18n";
import type { Category } from "./types";

interface Props {
  categories: Category[];
  value: string;
  onChoose: (code: string) => void;
  disabled?: boolean;
}

const matches = (one: Category, typed: string): boolean =>
  [one.code, one.name_zh, one.name_en ?? ""].some((text) => text.toLowerCase().includes(typed));

export function CategoryBox({ categories, value, onChoose, disabled = false }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const [active, setActive] = useState(0);
  const open = typed !== null;
  const chosen = categories.find((one) => one.code === value);
  const found = useMemo(() => {
    const wanted = (typed ?? "").trim().toLowerCase();
    return wanted ? categories.filter((one) => matches(one, wanted)) : categories;
  }, [categories, typed]);

  const start = (): void => {
    setTyped("");
    setActive(Math.max(0, categories.findIndex((one) => one.code === value)));
  };
  const choose = (one: Category | undefined): void => {
    if (!one) return;
    setTyped(null);
    onChoose(one.code);
  };
  const move = (step: number): void => {
    if (!open) return start();
    setActive(Math.min(found.length - 1, Math.max(0, active + step)));
  };
  useLayoutEffect(() => {
    if (open) document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [open, active, id]);
  const onKey = (event: KeyboardEvent): void => {
    // While an input method composes Chinese, Enter and arrows belong to it.
    if (event.isComposing) return;
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter" && open) choose(found[active]);
    else if (event.key === "Escape" && open) setTyped(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class="field category-box">
      <label for={`${id}-input`}>{words.value.category}</label>
      <div class="category-box-line">
        {chosen && !open && <span class={`category-code ${chosen.kind}`} aria-hidden="true">{chosen.code}</span>}
        <input ref={input} id={`${id}-input`} class={chosen && !open ? "input with-code" : "input"} role="combobox" autocomplete="off" spellcheck={false}
          disabled={disabled} aria-expanded={open} aria-controls={`${id}-list`} aria-autocomplete="list"
          aria-activedescendant={open && found.length > 0 ? `${id}-${active}` : undefined}
          placeholder={chosen ? named(chosen) : words.value.categorySearch}
          value={open ? typed : chosen ? named(chosen) : ""}
          onFocus={start} onClick={() => !open && start()} onBlur={() => setTyped(null)} onKeyDown={onKey}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setActive(0);
          }} />
        <span class="chevron" aria-hidden="true" />
      </div>
      {open && (
        <div class="category-list surface">
          <p class="small" role="status">
            {found.length === 0 ? words.value.categoryNone : fill(words.value.categoryCount, { n: found.length })}
          </p>
          <ul id={`${id}-list`} role="listbox" aria-label={words.value.category}>
            {found.map((one, index) => (
              // mousedown, not click: the input's blur would close the list first.
              <li key={one.code} id={`${id}-${index}`} role="option" aria-selected={one.code === value}
                class={index === active ? "active" : ""} data-code={one.code}
                onMouseDown={(event) => {
                  event.preventDefault();
                  choose(one);
                  input.current?.blur();
                }}>
                <span class={`category-code ${one.kind}`}>{one.code}</span>
                <span>{named(one)}</span>
                {words.value.severities[one.severity] && (
                  <span class={`badge ${one.severity === "danger" ? "bad" : "warn"}`}>{words.value.severities[one.severity]}</span>
                )}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
