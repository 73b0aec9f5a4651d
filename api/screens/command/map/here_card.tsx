// What the click says: who is responsible, what is here, what happened here.
export function HereCard() {
  return null;
}
