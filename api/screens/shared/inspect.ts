/** For the browser's console, and for the tests that ask what is really there: `window.gisops` has it from now on. */
export function inspect(what: Record<string, unknown>): void {
  const window_ = window as { gisops?: Record<string, unknown> };
  window_.gisops = { ...window_.gisops, ...what };
}
