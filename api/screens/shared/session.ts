// Who sits before this screen. The cookie is the server's; this is only what the screen shows of it.
import { signal } from "@preact/signals";
import type { Me } from "./types";

export const me = signal<Me | null>(null);
/** Is the dialog open? */
export const signingIn = signal(false);
