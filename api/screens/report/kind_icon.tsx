// Line icons for the kinds that have a tile; any other kind has the flag of a report.
const PATHS: Record<string, string> = {
  "E01-10": "M6 8h12l-1.2 12H7.2L6 8ZM4 8h16M9.500 8V5h5v3M10 12v5M14 12v5",
  "E01-13": "M8 3 4 21M16 3l4 18M12 3v3M12 9l-1.500 2.500 3 1.500-2 3.500M12 19v2",
  "P01-37": "M8 21h5M10.500 21V6c0-2 4-3 6.500-1M14.500 6h6l-1 3h-4l-1-3M15.500 11.500l-1 2M17.500 11.500v2.500M19.500 11.500l1 2",
  "E05-06": "M12 3s5 5.500 5 9a5 5 0 0 1-10 0c0-3.500 5-9 5-9ZM3 20c1.500-1.300 3-1.300 4.500 0s3 1.300 4.500 0 3-1.300 4.500 0 3 1.300 4.500 0",
  "E04-09": "M4 16v-4l2-5h12l2 5v4M3 16h18M6.500 16v2.500M17.500 16v2.500M5 12h14M7.500 14h1.500M15 14h1.500",
  "E04-10": "M6 18a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM18 18a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM6 15l4-7h5l3 7M10 8l3 7H6M8.500 8H11M15 8l-.5-2.500H17",
  "P01-02": "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM6.500 8.500l2 1M17.500 8.500l-2 1M6.500 15.500l2-1M17.500 15.500l-2-1",
  "E04-06": "M4 9l2-4h12l2 4M4 9h16M5.500 9v10M18.500 9v10M3 19h18M9 19v-5h6v5M4 9c0 1.500 1.300 2.500 2.700 2.500S9.300 10.500 9.300 9c0 1.500 1.200 2.500 2.700 2.500s2.700-1 2.700-2.500c0 1.500 1.200 2.500 2.600 2.500S20 10.500 20 9",
  "E01-36": "M4 13h7v7H4zM13 13h7v7h-7zM8.500 4h7v7h-7z",
  "E03-01": "M4 20h16M6 20V9l6-5 6 5v11M10 20v-5h4v5M9 11h6",
};
const FLAG = "M6 21V4h11l-2.500 4L17 12H6";

export const KindIcon = ({ code }: { code: string }) => (
  <svg class="icon kind-icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"
    aria-hidden="true" focusable="false"><path d={PATHS[code] ?? FLAG} /></svg>
);
