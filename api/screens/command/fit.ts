// Lists show as many whole rows as there is room for: on a wall nobody scrolls.
import { useCallback, useRef, useState } from "preact/hooks";

/** How many rows of so many rem fit into the element that this is the ref of, which may come later than the component. */
export function useFit(rowRem: number): [(at: HTMLElement | null) => void, number] {
  const [rows, setRows] = useState(0);
  const watch = useRef<ResizeObserver | null>(null);
  const ref = useCallback((at: HTMLElement | null) => {
    watch.current?.disconnect();
    watch.current = null;
    if (!at) return;
    watch.current = new ResizeObserver(() => {
      const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
      // A quarter of a pixel is lost to rounding.
      setRows(Math.max(1, Math.floor((at.clientHeight + 0.25) / (rowRem * rem))));
    });
    watch.current.observe(at);
  }, [rowRem]);
  return [ref, rows];
}
