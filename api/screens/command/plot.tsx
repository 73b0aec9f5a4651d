// A chart in a panel: drawn anew when what it shows changes, in the panel's size and the wall's type.
import { useEffect, useRef } from "preact/hooks";
import type { EChartsCoreOption, EChartsType } from "echarts/core";

/** The colours of the design language, as a canvas needs them, and the size of its text in pixels. */
export interface Look {
  ink: string;
  line: string;
  series: string;
  usual: string;
  /** So many rem in pixels. */
  px: (rem: number) => number;
  font: string;
}

function look(): Look {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const root = Number.parseFloat(style.fontSize);
  return {
    ink: colour("--ink-2"), line: colour("--line"), series: colour("--series"), usual: colour("--usual"), px: (rem) => rem * root, font: colour("--font"),
  };
}

interface PlotProps {
  /** What is drawn; made anew only when `of` changes. */
  option: (look: Look) => EChartsCoreOption;
  of: unknown;
  label: string;
  /** Somebody chose the element with this number. */
  onPick?: (index: number) => void;
}

export function Plot({ option, of, label, onPick }: PlotProps) {
  const element = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const latest = useRef({ option, onPick });
  latest.current = { option, onPick };
  const draw = (): void => {
    const made = latest.current.option(look());
    chart.current?.setOption({ animationDuration: 0, animationDurationUpdate: 250, aria: { enabled: true, label: { enabled: false } }, ...made }, { notMerge: true });
  };
  useEffect(() => {
    let gone = false;
    let watch: ResizeObserver | undefined;
    void import("./chart").then(({ init }) => {
      if (gone || !element.current) return;
      chart.current = init(element.current, null, { renderer: "canvas" }) as EChartsType;
      // Anywhere over the axis counts as its element: a line is thin.
      chart.current.getZr().on("click", (event: { offsetX: number; offsetY: number }) => {
        const at = chart.current?.convertFromPixel({ gridIndex: 0 }, [event.offsetX, event.offsetY]);
        if (Array.isArray(at)) latest.current.onPick?.(Math.round(at[0] as number));
      });
      draw();
      watch = new ResizeObserver(() => {
        chart.current?.resize();
        draw();
      });
      watch.observe(element.current);
    });
    return () => {
      gone = true;
      watch?.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, []);
  useEffect(draw, [of]);
  return <div class="plot" ref={element} role="img" aria-label={label} />;
}
