// Small things this device remembers. Storage may be forbidden (private windows), so every access may fail quietly.
const key = (name: string): string => `gisops.${name}`;

export function remembered(name: string, store: "local" | "session" = "local"): string | null {
  try {
    return (store === "local" ? localStorage : sessionStorage).getItem(key(name));
  } catch {
    return null;
  }
}

export function remember(name: string, value: string | null, store: "local" | "session" = "local"): void {
  try {
    const storage = store === "local" ? localStorage : sessionStorage;
    if (value === null) storage.removeItem(key(name));
    else storage.setItem(key(name), value);
  } catch {
    // Nothing is lost but the memory.
  }
}
