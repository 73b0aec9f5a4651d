// Line icons drawn for these screens, 24 × 24, in the colour of the text around them.
const PATHS = {
  layers: "M12 3 3 8l9 5 9-5-9-5ZM3 12.5l9 5 9-5M3 17l9 5 9-5",
  lock: "M6 11h12v9H6zM8.5 11V7.5a3.5 3.5 0 0 1 7 0V11",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7v5.2l3.2 2",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  back: "M14.5 5.5 8 12l6.5 6.5",
  close: "M6 6l12 12M18 6 6 18",
  flag: "M6 21V4h11l-2.5 4L17 12H6",
  locate: "M12 3v3M12 18v3M3 12h3M18 12h3M12 17a5 5 0 1 0 0-10 5 5 0 0 0 0 10Z",
  cases: "M5 5h14v15H5zM9 3h6v4H9zM8.5 11h7M8.5 15h5",
  heat: "M12 3c1 3 5 5.5 5 10.5a5 5 0 0 1-10 0c0-2 .8-3.3 2-4.5.3 1.5 1 2.3 2 2.6C10.6 8.5 11 5.5 12 3Z",
  hexagon: "M12 3l7.8 4.500v9L12 21l-7.8-4.500v-9L12 3Z",
  draw: "M5 17 9 5l10 4-3 9-11-1ZM5 17h.01M9 5h.01M19 9h.01M16 18h.01",
  tilt: "M3.5 17 8 9h8l4.5 8h-17ZM8 9V5h8v4",
  home: "M4 11.5 12 4.500l8 7M6.5 10v9.500h11V10M10 19.500v-5h4v5",
  tour: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM15.5 8.500l-2 5-5 2 2-5 5-2Z",
  play: "M8 5.500v13l10-6.500L8 5.500Z",
  pause: "M8.5 5.500v13M15.5 5.500v13",
  ask: "M12 21s7-6.8 7-11.5a7 7 0 0 0-14 0C5 14.2 12 21 12 21ZM12 12a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  faces: "M4.5 4.5h5v5h-5zM14.5 4.5h5v5h-5zM4.5 14.5h5v5h-5zM14.5 14.5h5v5h-5z",
  book: "M5 4.5h9a3 3 0 0 1 3 3V20H8a3 3 0 0 1-3-3V4.5ZM8.5 9h5M8.5 12.5h5",
  wall: "M3 5h18v11H3zM8 20h8M12 16v4M7 12l3-3 2.5 2L16 8",
  desk: "M4 4.5h16v15H4zM4 9.5h16M9.5 9.5v10M12.5 12.5h5M12.5 16h5",
  phone: "M7.5 3h9v18h-9zM10.5 18h3",
  camera: "M4 8h4l1.5-3h5L16 8h4v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700L12 7M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700L12 17",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.5c1-4 4-6 7.5-6s6.5 2 7.5 6",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  warn: "M12 4 2.5 20h19L12 4ZM12 10v4.5M12 17v.5",
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"
    stroke-linejoin="round" aria-hidden="true" focusable="false">
    <path d={PATHS[name]} />
  </svg>
);
