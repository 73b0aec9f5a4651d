// The self-hosted Noto Sans SC, one variable font cut into subsets that load only when one of their characters shows.
// The page and the map draw with the same files: the build writes down which there are, and the server's styles name them.
import "@fontsource-variable/noto-sans-sc/wght.css";

/** The name by which the server's styles know it. */
export const MAP_FONT = "Noto Sans SC";
