// What is drawn: legend, switches and how many there are of each.
export function Layers() {
  return null;
}
