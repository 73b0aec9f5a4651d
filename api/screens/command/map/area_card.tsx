// What the drawn area holds.
export function AreaCard() {
  return null;
}
